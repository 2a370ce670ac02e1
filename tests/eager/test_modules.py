"""What modules, loaders and files do here that PyTorch's answers cannot say."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

import tapejit.torch as torch

nn = torch.nn
data = torch.utils.data


def test_a_parameter_takes_over_memory_that_nobody_else_holds():
    alone = nn.Parameter(torch.ones(2))
    assert alone._more is None
    held = torch.ones(2)
    parameter = nn.Parameter(held)
    assert parameter._more is not None
    with torch.no_grad():
        parameter.mul_(3)
        held.add_(1)
    assert held.tolist() == parameter.tolist() == [4.0, 4.0]


def test_a_parameter_around_an_array_shares_it():
    array = np.ones(2, "float32")
    parameter = nn.Parameter(torch.from_numpy(array))
    array[0] = 5
    with torch.no_grad():
        parameter.mul_(2)
    assert array.tolist() == parameter.tolist() == [10.0, 2.0]


def test_parameters_that_share_memory_collect_gradients_of_their_own():
    x = torch.ones(3)
    a, b = nn.Parameter(x), nn.Parameter(x)
    (2 * a + 3 * b).sum().backward()
    assert a.grad.tolist() == [2.0] * 3 and b.grad.tolist() == [3.0] * 3


def trained(dataset, batches):
    """Train a line over some epochs; return how many programs are known after each."""
    layer, known = nn.Linear(2, 1), []
    for _ in range(4):
        for (x,) in data.DataLoader(dataset, batch_size=4, shuffle=True):
            layer(x).pow(2).sum().backward()
            with torch.no_grad():
                for p in layer.parameters():
                    p -= 0.01 * p.grad
                    p.grad = None
            batches.append(layer.bias.item())
        known.append(torch.stats()["programs"])
    return known


class Own(data.Dataset):
    def __init__(self):
        self.x = torch.arange(24.0).reshape(12, 2) / 24

    def __len__(self):
        return 12

    def __getitem__(self, k):
        return (self.x[k],)


@pytest.mark.parametrize("dataset", [data.TensorDataset(torch.ones(12, 2)), Own()])
def test_what_is_in_a_batch_makes_no_new_program(dataset):
    known = trained(dataset, [])
    assert known[0] == known[1] == known[2] == known[3]


def test_a_batch_does_not_change_with_its_data_set():
    rows = torch.zeros(2, 2)
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(rows), batch_size=2)))
    rows.add_(1)
    assert batch.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_other_processes_are_refused():
    with pytest.raises(NotImplementedError, match="num_workers"):
        data.DataLoader([1], num_workers=2)


def test_files_of_others_are_told_apart():
    with pytest.raises(RuntimeError, match="PyTorch"):
        torch.load(io.BytesIO(b"PK\x03\x04 and more of an archive"))
    with pytest.raises(RuntimeError, match="not a file"):
        torch.load(io.BytesIO(b"some other bytes altogether"))


class Runs:
    def __reduce__(self):
        return (eval, ("1 / 0",))


def test_a_file_runs_no_code_unless_it_is_trusted():
    file = io.BytesIO()
    torch.save(Runs(), file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="eval"):
        torch.load(file)
    file.seek(0)
    with pytest.raises(ZeroDivisionError):
        torch.load(file, weights_only=False)


def test_a_failed_save_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "state"
    torch.save(torch.ones(1), path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        torch.save(lambda: 0, path)
    assert torch.load(path).tolist() == [1.0]


def test_modules_of_rows_pickle_and_show_their_options():
    loss = pickle.loads(pickle.dumps(nn.CrossEntropyLoss(weight=torch.ones(2))))
    assert list(loss.state_dict()) == ["weight"]
    act = pickle.loads(pickle.dumps(nn.LeakyReLU(0.3)))
    assert repr(act) == "LeakyReLU(negative_slope=0.3)"
    with pytest.raises(TypeError, match="slope"):
        nn.LeakyReLU(slope=0.3)
    with pytest.raises(TypeError, match="MSELoss"):
        nn.MSELoss()(torch.ones(1))


def test_a_long_layer_is_one_loop_of_the_tape():
    layer = nn.GRU(2, 3)
    x = torch.ones(30, 1, 2)
    out, _ = layer(x)
    out.sum().backward()
    assert layer.weight_hh_l0.grad.shape == (9, 3)
    from tapejit.torch.program import programs

    tapes = [str(p.tape) for p in programs() if p.tape is not None]
    assert any("f32[30,1,3]" in text and text.count("tanh") < 10 for text in tapes)
