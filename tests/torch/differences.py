"""Cases whose answer is deliberately another than PyTorch's, each with the reason.

The key is "module.case_name". An entry whose case agrees with PyTorch after all fails the tests.
"""

DIFFERENCES: dict[str, str] = {}
