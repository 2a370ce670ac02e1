"""Cases whose answer is deliberately another than PyTorch's, each with the reason.

The key is "module.case_name". An entry whose case agrees with PyTorch after all fails the tests.
"""

DIFFERENCES: dict[str, str] = {
    "ops_linalg.case_linalg_norm_zero": "the gradient of a count of nonzeros is zeros, not None",
    "ops_linalg.case_linalg_vector_norm_zero": "the same",
    "ops_linalg.case_triangular_solve_old": "PyTorch warns again within the backward pass",
}
