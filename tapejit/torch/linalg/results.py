"""The named results of linear algebra, entered into ``torch.return_types``."""

from __future__ import annotations

from typing import Any

from .. import return_types


def _made(name: str, fields: str) -> Any:
    found = return_types._made(name, fields)
    setattr(return_types, name, found)
    return found


slogdet = _made("slogdet", "sign logabsdet")
linalg_slogdet = _made("linalg_slogdet", "sign logabsdet")
linalg_inv_ex = _made("linalg_inv_ex", "inverse info")
linalg_solve_ex = _made("linalg_solve_ex", "result info")
linalg_cholesky_ex = _made("linalg_cholesky_ex", "L info")
qr = _made("qr", "Q R")
linalg_qr = _made("linalg_qr", "Q R")
svd = _made("svd", "U S V")
linalg_svd = _made("linalg_svd", "U S Vh")
linalg_eigh = _made("linalg_eigh", "eigenvalues eigenvectors")
linalg_eig = _made("linalg_eig", "eigenvalues eigenvectors")
linalg_lstsq = _made("linalg_lstsq", "solution residuals rank singular_values")
linalg_lu = _made("linalg_lu", "P L U")
linalg_lu_factor = _made("linalg_lu_factor", "LU pivots")
linalg_lu_factor_ex = _made("linalg_lu_factor_ex", "LU pivots info")
triangular_solve = _made("triangular_solve", "solution cloned_coefficient")
