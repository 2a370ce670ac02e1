"""Arguments by name, in PyTorch's spelling and in NumPy's where PyTorch takes it too."""

from __future__ import annotations

from table import bools, cases, exprs, fails, full, ints, span, spread

X = span(-2, 2, 2, 3)
Y = spread(0.5, 2, 2, 3)
I = full((2, 1), 2, 0, kind="int64")

ROWS = [
    exprs(
        "keywords_pointwise",
        """torch.add(input=x, other=y, alpha=2); torch.sub(input=x, other=y); torch.mul(x, other=y);
        torch.div(x, other=y, rounding_mode=None); torch.pow(input=y, exponent=2);
        torch.pow(self=2.0, exponent=x); torch.exp(input=x); torch.clamp(input=x, min=-1, max=1);
        torch.lerp(input=x, end=y, weight=0.5); torch.addcmul(x, tensor1=y, tensor2=y, value=0.1);
        torch.where(condition=x > 0, input=x, other=y); torch.round(input=x, decimals=1);
        torch.nan_to_num(input=x, nan=0.0); torch.logit(input=y / 3, eps=0.01);
        torch.maximum(input=x, other=y); torch.atan2(input=x, other=y); x.add(other=y, alpha=2);
        x.clamp(min=0); y.pow(exponent=2); x.masked_fill(mask=x > 0, value=1.0); x.mul(other=3);
        torch.eq(input=x, other=y); torch.isclose(input=x, other=y, rtol=0.1, atol=0.1)""",
        x=X,
        y=Y,
    ),
    exprs(
        "keywords_reductions",
        """torch.sum(input=x, dim=1, keepdim=True); x.sum(axis=0); torch.mean(input=x, dim=0);
        x.mean(axis=1, keepdim=True); torch.max(input=x, dim=1); x.max(axis=1); x.argmax(axis=0);
        torch.var(input=x, dim=1, unbiased=True, keepdim=True); x.var(axis=1, correction=0);
        torch.norm(input=x, p=2, dim=1); torch.logsumexp(input=x, dim=1, keepdim=False);
        torch.prod(input=x, dim=1); torch.cumsum(input=x, dim=1); x.cumsum(axis=1);
        torch.all(input=x, dim=0); torch.amax(input=x, dim=1); x.amax(axis=(0, 1));
        torch.quantile(input=x, q=0.5, dim=1); torch.median(input=x, dim=1);
        torch.softmax(input=x, dim=1); x.softmax(dim=1, dtype=torch.float64);
        torch.sort(input=x, dim=0, descending=True); torch.topk(input=x, k=1, dim=1)""",
        x=X,
    ),
    exprs(
        "keywords_shapes",
        """torch.reshape(input=x, shape=(3, 2)); torch.transpose(input=x, dim0=0, dim1=1);
        torch.permute(input=x, dims=(1, 0)); torch.unsqueeze(input=x, dim=0); x.permute(dims=(1, 0));
        torch.squeeze(input=x, dim=0); torch.flatten(input=x, start_dim=0); torch.flip(input=x, dims=[0]);
        torch.roll(input=x, shifts=1, dims=0); torch.tile(input=x, dims=(1, 2)); x.view(size=(6,));
        torch.movedim(input=x, source=0, destination=1); torch.swapaxes(input=x, axis0=0, axis1=1);
        torch.rot90(input=x, k=1, dims=(0, 1)); torch.cat(tensors=[x, x], dim=0); x.expand(size=(2, 3));
        torch.stack(tensors=[x, x], dim=0); torch.cat([x, x], axis=1); torch.chunk(input=x, chunks=2);
        torch.split(x, split_size_or_sections=1); x.split(split_size=1); torch.tril(input=x, diagonal=0);
        torch.diagonal(input=x, offset=1); torch.narrow(input=x, dim=1, start=0, length=2);
        torch.repeat_interleave(input=x, repeats=2, dim=0); x.reshape(shape=(6,))""",
        x=X,
    ),
    exprs(
        "keywords_indices",
        """torch.gather(input=x, dim=1, index=i); torch.index_select(input=x, dim=0, index=i[1]);
        torch.scatter(input=x, dim=1, index=i, src=y[:, :1]); torch.scatter(x, 1, i, value=1.0);
        torch.take_along_dim(input=x, indices=i, dim=1); torch.masked_select(input=x, mask=m);
        torch.select(input=x, dim=0, index=1); x.index_add(dim=0, index=i[1], source=y[:1]);
        torch.searchsorted(sorted_sequence=y[0].sort()[0], input=x[0].contiguous());
        torch.nonzero(input=x > 0, as_tuple=False); torch.unbind(input=x, dim=0)""",
        x=X,
        y=Y,
        i=I,
        m=bools(2, 3),
    ),
    exprs(
        "keywords_matrices",
        """torch.matmul(input=x, other=y.t()); torch.mm(input=x, mat2=y.t()); torch.mv(input=x, vec=y[0]);
        torch.dot(input=x[0], tensor=y[0]); torch.addmm(input=x[:, :2], mat1=x, mat2=y.t(), beta=1, alpha=2);
        torch.bmm(input=x[None], mat2=y.t()[None]); torch.outer(input=x[0], vec2=y[0]); x.mm(mat2=y.t());
        torch.tensordot(a=x, b=y, dims=([1], [1])); torch.linalg.norm(x, ord=2, dim=1, keepdim=True);
        torch.linalg.solve(A=x[:, :2] + 3 * torch.eye(2), B=y); torch.linalg.inv(A=x[:, :2] + 3 * torch.eye(2));
        torch.cdist(x1=x, x2=y, p=2.0); torch.cosine_similarity(x1=x, x2=y, dim=1, eps=1e-8)""",
        x=X,
        y=Y,
    ),
    exprs(
        "keywords_creation",
        """torch.tensor(data=[1.0], dtype=torch.float64, requires_grad=True); torch.full(size=(2,), fill_value=1.0);
        torch.arange(end=3); torch.arange(start=1, end=2, step=0.5); torch.linspace(start=0, end=1, steps=3);
        torch.eye(n=2, m=3); torch.zeros(size=(2,), dtype=torch.int64); torch.ones_like(input=n);
        torch.full_like(input=n, fill_value=4); torch.as_tensor(data=[1]); torch.clone(input=n);
        torch.randint(low=3, high=4, size=(2,)); n.to(dtype=torch.float32); n.new_full(size=(1,), fill_value=2)""",
        n=ints(0, 4, 2),
    ),
    fails(
        "keywords",
        """torch.add(x, y, beta=2); torch.sum(x, dims=0); torch.exp(x, base=2); x.mean(dimension=0);
        torch.reshape(x, sizes=(3, 2)); torch.zeros(2, type=torch.int64); torch.matmul(x); x.sum(0, 1, 2, 3);
        torch.mul(x); torch.clamp(x, 0, 1, 2); x.t(0); torch.tensor([1.0], grad=True); torch.add(x, y, x, y)""",
        x=X,
        y=Y,
    ),
]

globals().update(cases(*ROWS))
