"""Cases whose answer is deliberately another than PyTorch's, each with the reason.

The key is "module.case_name". An entry whose case agrees with PyTorch after all fails the tests.
"""

DIFFERENCES: dict[str, str] = {
    "autograd_flags.case_data_shares_memory_without_version": "what a gradient reads is as it was "
    "when it was used; PyTorch reads the memory that `.data` has written to, and is wrong",
    "autograd_graph.case_next_functions_of_a_layer": "`linear` is one operation: its node leads to "
    "the weight, where PyTorch's leads to the weight's transpose",
    "autograd_hooks.case_grad_zero_in_place": "PyTorch counts the copy that made the gradient as a "
    "write",
    "autograd_hooks.case_saved_tensors_hooks": "a node saves no tensors that could be packed: "
    "NotImplementedError",
    "autograd_inplace.case_grad_fn_of_a_written_view": "the node CopySlices leads to the value that "
    "was written, which PyTorch keeps inside the node",
    "autograd_modes.case_inference_tensors_in_place": "a write that is refused has not happened; "
    "PyTorch refuses after writing",
    "autograd_numpy.case_dtypes_that_have_no_tensor": "there is no bfloat16",
    "autograd_numpy.case_saved_operands_follow_shared_memory": "value and gradient are those of the "
    "array as it was when it was used; PyTorch's gradient is that of what is there later",
    "autograd_objects.case_dead_tensors_are_collected": "a result that has been recorded and not "
    "computed is held by the trace, until it is computed",
    "creation.case_from_numpy_layouts": "a new tensor is contiguous; PyTorch's copy of a transposed "
    "array is transposed",
    "creation.case_half_precision": "there is no bfloat16",
    "nn_activations.case_celu_alpha_float64": "PyTorch divides by alpha rounded to float32",
    "nn_activations.case_hardsigmoid_float64": "PyTorch's slope in float64 is float32's 1/6",
    "nn_layouts.case_dtypes_meet": "huber_loss promotes as the other losses do; PyTorch gives the "
    "dtype of the input and refuses the gradient",
    "ops_linalg.case_linalg_norm_zero": "the gradient of a count of nonzeros is zeros, not None",
    "ops_linalg.case_linalg_vector_norm_zero": "the same",
    "ops_linalg.case_triangular_solve_old": "PyTorch warns again within the backward pass",
    "ops_binary.case_ldexp": "PyTorch's derivative by `input` takes 2**other of integers, 0 below 1",
    "ops_kinks.case_ties_of_order": "which of several equal elements topk names is left open",
    "ops_kinks.case_where_with_nan_branch": "what `where` leaves out has the derivative 0, not nan",
    "ops_layout.case_layout_median": "PyTorch's median of expanded memory is not the median",
    "ops_programs.case_program_026": "a choice's second derivative is zeros, not None",
    "ops_programs.case_program_063": "the same",
    "ops_programs.case_program_072": "the same",
    "ops_programs.case_program_076": "the same",
    "ops_reduce.case_empty_dims": "PyTorch's derivative of var(dim=()) divides by no axes: inf",
    "ops_reduce.case_extremes_with_nan": "the derivative of a maximum that is nan is nan everywhere",
    "ops_reduce.case_infinities": "the derivative of prod is the product of the others, inf or not",
    "optim_steps.case_parameter_without_gradient": "1 - 0.1 * 10 is 0, where PyTorch's float32 "
    "square root is one bit off and leaves 1.2e-7",
    "promotion.case_numbers_pow": "1j ** 1 is 1j, where PyTorch goes through a logarithm",
}

# Cases that agree up to rounding only: tolerances are 30 times as wide, on some machines for nothing.
ROUNDING: dict[str, str] = {
    "nn_layouts.case_layer_norm_transposed_float32": "a small entry differs in its fifth digit: "
    "float32 sums in another order",
    "nn_modules.case_mlp": "the same as of layer_norm",
    "nn_normalisation.case_zero_rows": "a slope of 6e7 differs in the last bit of float32",
    "optim_steps.case_sgd_everything_float32": "PyTorch multiplies and adds with one rounding",
    "ops_programs.case_program_114": "a small gradient differs in the fifth digit of float32",
}
