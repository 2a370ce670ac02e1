"""Complex numbers and Fourier transforms, with PyTorch's convention for complex gradients."""

from __future__ import annotations

from table import cases, exprs, fails, full, ints, lit, op, span, spread, waves

C = waves(2, 3)
D = waves(2, 3, phase=0.7)
W = waves(4)
V = span(-2, 2, 4)
X = full((2, 3), 0.5, -1.25, 2.0, 1.5, 0.75, -0.3)

ROWS = [
    op("real", "x", "f", x=C),
    op("imag", "x", "f", x=C),
    exprs("real_and_imaginary", "x.real; x.imag; x.real * x.imag; x.conj().imag; x.t().real", x=C),
    exprs("real_of_real", "x.real; torch.real(x); x.conj(); x.angle()", x=X),
    op("conj", "x", "fm", x=C),
    op("conj_physical", "x", "fm", x=C),
    op("resolve_conj", "x.conj()", "f", x=C),
    op("angle", "x", "fm", smooth=False, x=C),
    op("abs", "x", "fm", smooth=False, x=C),
    op("sgn", "x", "fm", smooth=False, x=C),
    op("view_as_real", "x", "f", x=C),
    op("view_as_complex", "x", "f", x=span(-2, 2, 3, 2)),
    op("complex", "x, y", "f", x=X, y=spread(-2, 2, 2, 3)),
    op("polar", "x, y", "f", x=span(0.5, 2, 3), y=spread(-2, 2, 3)),
    op("is_complex", "x", "fm", x=C),
    op("is_complex", "x", "fm", tag="real", x=X),
    *(
        op(n, "x, y", "fm", tag="complex", smooth=False, x=C, y=D)
        for n in "add sub mul div".split()
    ),
    *(
        op(n, "x", "fm", tag="complex", smooth=False, x=W)
        for n in "exp log sqrt sin cos tanh square reciprocal neg".split()
    ),
    op("pow", "x, 2", "fm", tag="complex", smooth=False, x=W),
    op("matmul", "x, y", "fm", tag="complex", smooth=False, x=C, y=waves(3, 2)),
    op("where", "x.real > 0, x, y", "f", tag="complex", smooth=False, x=C, y=D),
    exprs("complex_with_numbers", "x * 2; x + 1j; 1j * x; x / (1 + 2j); x ** 2; 2 - x", x=W),
    exprs("complex_with_real", "x * y; x + y; y - x; y / x", x=W, y=V),
    exprs(
        "complex_compare",
        "x == x; x != x.conj(); torch.isfinite(x); torch.isclose(x, x); x.isnan()",
        x=W,
    ),
    exprs(
        "complex_index",
        """x[0]; x[1, 2]; x[:, 1]; x[[1, 0]]; x.item() if x.numel() == 1 else x[0, 0].item();
        x.tolist()""",
        x=C,
    ),
    exprs(
        "complex_real_loss",
        """x.abs().sum(); (x * x.conj()).real.sum(); x.real.sum() + 2 * x.imag.sum();
        x.abs().square().mean()""",
        x=C,
    ),
    exprs(
        "complex_from_real", "x + 1j; x * 2j; torch.complex(x, x).abs(); x.to(torch.complex64)", x=V
    ),
    fails(
        "complex",
        """torch.floor(x); x > 0; torch.maximum(x, x); x // 2; x % 2; torch.atan2(x, x);
        x.sum().backward()""",
        x=C,
    ),
    fails(
        "complex_parts",
        """torch.imag(x); torch.view_as_real(x); torch.view_as_complex(x);
        torch.complex(x, x.long())""",
        x=X,
    ),
    # Fourier transforms
    *(op(f"fft.{n}", "x", "f", x=W) for n in "fft ifft hfft".split()),
    *(op(f"fft.{n}", "x", "f", tag="of_real", x=V) for n in "fft ifft rfft ihfft".split()),
    op("fft.irfft", "x", "f", x=waves(3)),
    op("fft.irfft", "x, n=5", "f", tag="odd", x=waves(3)),
    *(op(f"fft.{n}", "x, n=6", "f", tag="longer", x=V) for n in "fft rfft".split()),
    *(op(f"fft.{n}", "x, n=3", "f", tag="shorter", x=V) for n in "fft rfft".split()),
    *(op(f"fft.{n}", "x, dim=0", "f", tag="dim", x=X) for n in "fft ifft rfft".split()),
    *(op(f"fft.{n}", "x, norm='ortho'", "f", tag="ortho", x=V) for n in "fft ifft rfft".split()),
    *(op(f"fft.{n}", "x, norm='forward'", "f", tag="forward", x=V) for n in "fft ifft".split()),
    op("fft.fft2", "x", "f", x=X),
    op("fft.ifft2", "x", "f", x=C),
    op("fft.rfft2", "x", "f", x=X),
    op("fft.irfft2", "x", "f", x=C),
    op("fft.fftn", "x", "f", x=X),
    op("fft.ifftn", "x, dim=(0,)", "f", tag="dim", x=C),
    op("fft.fftshift", "x", "f", x=V),
    op("fft.ifftshift", "x", "f", x=span(-2, 2, 5)),
    op("fft.fftfreq", "5", "f"),
    op("fft.rfftfreq", "4, d=0.5", "f", tag="spacing"),
    exprs(
        "fft_round_trip",
        """torch.fft.ifft(torch.fft.fft(x)).real; torch.fft.irfft(torch.fft.rfft(x), n=4);
        torch.fft.rfft(x).abs().square().sum()""",
        x=V,
    ),
    exprs("fft_of_integers", "torch.fft.fft(x); torch.fft.rfft(x)", x=ints(0, 5, 4)),
    fails(
        "fft",
        """torch.fft.fft(x, dim=3); torch.fft.fft(x, n=0); torch.fft.rfft(x + 0j);
        torch.fft.fft(x, norm='other'); torch.fft.fft(x[0, 0])""",
        x=X,
    ),
    # windows
    *(op(f"{n}_window", "5", "f") for n in "hann hamming bartlett".split()),
    exprs("blackman", "torch.blackman_window(5)[1:]"),  # its first is rounding error
    op("hann_window", "4, periodic=False", "f", tag="symmetric"),
    exprs(
        "complex_printing", "x; x * 1000; x[0]; x.real", x=lit(1 + 2j, -0.5j, 3.25, kind="complex")
    ),
    exprs(
        "complex_zero_d",
        "x; x * x; x.abs(); x.conj(); x.item()",
        x=full((), 1 - 2j, kind="complex"),
    ),
]

globals().update(cases(*ROWS))
