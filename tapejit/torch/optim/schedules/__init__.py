"""The schedulers, by family; `lr_scheduler` gathers them."""
