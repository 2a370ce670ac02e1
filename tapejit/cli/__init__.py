"""The subcommands of ``tapejit``: each has SUMMARY, ``arguments(parser)`` and ``run(options)``."""
