"""What plans look like: which statements share loops, what is a product, what is kept where."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from covector.frontend.program import read_program
from covector.ir import Affine, Apply, Read, as_affine, walk
from covector.ir.affine import free
from covector.schedule.plan import Accumulate, Assign, Loop, Plan, Step
from covector.schedule.plan_program import plan
from tests.schedule.interpret import reads_of, steps_of
from tests.schedule.programs import depth, derivatives_first, looping, perceptron, products, with_gradients, written

SOFTMAX = """
x: 64 100
target: 64 int64
p[i,j] = exp(x[i,j] - max[k](x[i,k])) / sum[l](exp(x[i,l] - max[k](x[i,k])))
loss = sum[i](-log(p[i,target[i]])) / 64
"""
LAYER_NORM = "x: 256 128\nweight: 128\nbias: 128\ny = layer_norm(x, weight, bias)"
CLASSES = """
x: 256 100
target: 256 int64
logp[n,c] = x[n,c] - stop(max[k](x[n,k])) - log(sum[k](exp(x[n,k] - stop(max[m](x[n,m])))))
loss = -sum[n](select(target[n] != -100, logp[n,target[n]], 0)) / sum[n]([target[n] != -100])
"""
CONVOLUTION = "image: 8 3 16 16\nweight: 4 3 3 3\nbias: 4\ny = conv2d(image, weight, bias, stride={stride}, padding=1)"


def applied(made: Plan, name: str) -> int:
    """In how many steps a function is applied."""
    steps = [step for kernel in made.kernels for step in steps_of(kernel.steps)]
    values = [step.value for step in steps if isinstance(step, (Assign, Accumulate))]
    return sum(any(isinstance(n, Apply) and n.function.name == name for n in walk(value)) for value in values)


@pytest.mark.parametrize("text", [SOFTMAX, "x: 64 100\ntarget: 64 int64\nloss = cross_entropy(x, target)"])
def test_softmax_its_loss_and_its_gradient_are_one_pass_over_the_rows(text: str) -> None:
    made = plan(with_gradients(text))
    (kernel,) = made.kernels
    assert depth(kernel) == 2
    assert {"loss", "dx"} <= written(kernel)
    assert {storage.place for storage in made.storage.values()} <= {"input", "output", "register", "thread", "arena"}
    assert all(made.storage[t].axes == () for t in made.storage if made.storage[t].place == "arena")


def test_an_exponential_that_is_summed_and_divided_is_taken_once() -> None:
    assert applied(plan(with_gradients(SOFTMAX)), "exp") == 1


def test_layer_norm_backward_is_one_pass_and_its_columns_are_shared() -> None:
    made = plan(with_gradients(LAYER_NORM, keep_output=False))
    (kernel,) = made.kernels
    assert depth(kernel) == 2
    (rows,) = [step for step in kernel.steps if isinstance(step, Loop) and step.parallel]
    assert {target.name for target in rows.shared} == {"dweight", "dbias"}
    assert made.arena is as_affine(0)


@pytest.mark.parametrize(
    ("text", "shared", "kernels"),
    [
        (LAYER_NORM, {"dweight", "dbias"}, 1),
        (CLASSES, {"loss"}, 2),
        ("x: 64 100\ny = gelu_tanh(x)", set(), 1),
    ],
)
def test_the_rows_are_one_pass_whatever_comes_first(text: str, shared: set[str], kernels: int) -> None:
    made = plan(derivatives_first(with_gradients(text)))
    assert len(made.kernels) == kernels  # of the classes, those that count are counted before
    rows = [step for step in made.kernels[-1].steps if isinstance(step, Loop)][-1]
    assert {target.name.removesuffix("_1") for target in rows.shared} == shared
    assert all(storage.axes == () for storage in made.storage.values() if storage.place == "arena")


def test_batch_norm_goes_channel_by_channel() -> None:
    text = "x: 8 4 16 16\nweight: 4\nbias: 4\ny = batch_norm(x, weight, bias)"
    (kernel,) = plan(with_gradients(text, keep_output=False)).kernels
    (channels,) = [step for step in kernel.steps if isinstance(step, Loop)]
    assert (channels.index.extent, channels.shared) == (as_affine(4), ())


def test_the_products_of_a_perceptron() -> None:
    program, in_place = perceptron((784, 512, 256, 10), 128, "float32")
    made = plan(program, in_place)
    found = products(made)
    assert len(found) == 3 + 2 + 3  # forward, the gradients of two hidden layers, the weights
    for name in ("new_W1", "new_W2", "new_W3"):
        (step,) = found[name]
        assert step.accumulate
        assert repr(step.scale) == "mul(-1, 1/10)"
    assert not any(name.startswith("dW") for kernel in made.kernels for name in written(kernel))


def test_bias_gradients_are_accumulated_where_the_rows_are_made() -> None:
    program, in_place = perceptron((784, 512, 256, 10), 128, "float32")
    for name in ("db1", "db2"):
        (kernel,) = [kernel for kernel in plan(program, in_place).kernels if name in written(kernel)]
        assert f"dz{name[-1]}" in written(kernel)


def test_a_perceptron_is_planned_fast() -> None:
    program, in_place = perceptron((784, 512, 512, 256, 10), 128, "float32")
    plan(program, in_place)
    took = []
    for _ in range(5):
        start = time.process_time()
        plan(program, in_place)
        took.append(time.process_time() - start)
    assert min(took) < 0.1


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_and_its_adjoints_are_products(stride: int) -> None:
    found = products(plan(with_gradients(CONVOLUTION.format(stride=stride))))
    assert len(found["y_1"]) == 1
    assert len(found["dweight"]) == 1
    image = found["dimage"]
    assert len(image) == stride**2
    assert sum(_volume(step.inner) for step in image) == 4 * 9  # channels and window, shared out over the remainders


@pytest.mark.parametrize(("groups", "channels"), [(2, 3), (6, 1)])
def test_a_grouped_convolution_is_products_of_its_groups(groups: int, channels: int) -> None:
    """Nothing is multiplied that belongs to different groups."""
    shapes = f"image: 8 {groups * channels} 16 16\nweight: {2 * groups} {channels} 3 3"
    found = products(plan(with_gradients(f"{shapes}\ny = conv2d(image, weight, padding=1, groups={groups})")))
    image_size, filter_size = 8 * groups * channels * 16 * 16, 2 * groups * channels * 9
    for name, each in (("y", channels * 9), ("dimage", 2 * 9), ("dweight", 8 * 16 * 16)):
        (step,) = next(found[statement] for statement in found if statement.startswith(name))
        results = {"y": 8 * 2 * groups * 16 * 16, "dimage": image_size, "dweight": filter_size}[name]
        assert _volume((*step.batch, *step.rows, *step.columns)) == results
        assert _volume(step.inner) == each


def _volume(indices: tuple[object, ...]) -> int:
    volume = 1
    for index in indices:
        extent = getattr(index, "extent", None)
        assert isinstance(extent, Affine)
        volume *= extent.constant
    return volume


def test_an_elementwise_program_is_one_flat_loop() -> None:
    (kernel,) = plan(with_gradients("x: 8 4 6 5\ny = gelu(x)")).kernels
    (loop,) = kernel.steps
    assert isinstance(loop, Loop)
    assert loop.index.extent is as_affine(8 * 4 * 6 * 5)
    assert depth(kernel) == 1
    for step in loop.body:
        for read in reads_of(step):
            assert _offset(read) is as_affine(loop.index)


def _offset(read: Read) -> Affine:
    offset = as_affine(0)
    for position, extent in zip(read.positions, read.tensor.shape, strict=True):
        offset = offset * extent + position
    return offset


def test_a_reshaped_tensor_is_read_without_quotients() -> None:
    text = "h: 4 3 2 5\nW: 7 30\nf[n,k:30] = h[n, k//10, (k//5)%2, k%5]\ny[n,o] = sum[k](f[n,k] * W[o,k])"
    made = plan(read_program(text))
    ((step,),) = products(made).values()
    assert len(step.inner) == 3
    assert made.arena is as_affine(0)


def test_columns_of_a_matrix_are_summed_along_its_rows() -> None:
    (kernel,) = plan(read_program("x: 1000 64\ns[j] = sum[i](x[i,j])")).kernels
    outer = kernel.steps[-1]
    assert isinstance(outer, Loop)
    assert outer.index.extent is as_affine(1000)
    assert [target.name for target in outer.shared] == ["s"]


def test_rows_are_summed_in_a_register() -> None:
    made = plan(read_program("x: 1000 64\ns[i] = sum[j](x[i,j])"))
    sums = [step for kernel in made.kernels for step in steps_of(kernel.steps) if isinstance(step, Accumulate)]
    assert [made.storage[step.target].place for step in sums] == ["register"]


def test_a_scatter_goes_over_its_terms() -> None:
    made = plan(with_gradients("ids: 20 int64\ntable: 50 8\ny = embedding(ids, table)", keep_output=False))
    (step,) = [s for kernel in made.kernels for s in steps_of(kernel.steps) if isinstance(s, Accumulate)]
    assert repr(step.positions[0]).startswith("ids[")
    assert max(depth(kernel) for kernel in made.kernels) <= 2


@pytest.mark.parametrize("condition", ["j <= i", "j < i", "i <= j", "i < j", "j + 1 <= i"])
def test_a_triangular_sum_is_a_running_one(condition: str) -> None:
    made = plan(read_program(f"x: 50 30\ny[b,i:30] = sum[j]([{condition}] * x[b,j])"))
    assert max(depth(kernel) for kernel in made.kernels) == 2


def test_three_factors_are_multiplied_in_the_cheaper_order() -> None:
    made = plan(read_program("A: 100 2\nB: 2 100\nC: 100 3\ny[i,j] = sum[k,l](A[i,k] * B[k,l] * C[l,j])"))
    volumes = {
        name: _volume(step.inner) * _volume(step.rows) * _volume(step.columns)
        for name, (step,) in products(made).items()
    }
    assert sum(volumes.values()) == 2 * 100 * 3 + 100 * 2 * 3


def test_a_number_in_front_of_a_product_is_its_scale() -> None:
    made = plan(read_program("alpha: ()\nA: 8 9\nB: 9 7\ny[i,j] = -alpha / 2 * sum[k](A[i,k] * B[k,j])"))
    ((step,),) = products(made).values()
    assert (step.target.name, "alpha" in repr(step.scale)) == ("y", True)


@pytest.mark.parametrize(
    "text", ["y = softmax(x, axis=0)", "y = cumsum(x, axis=0)", "y[i,j] = x[i,j] / sum[k](x[k,j])"]
)
def test_the_innermost_loop_goes_along_memory(text: str) -> None:
    for kernel in plan(read_program(f"x: 60 50\n{text}")).kernels:
        for step in innermost(kernel.steps):
            for read in reads_of(step):
                assert len(read.positions) < 2 or "60" not in {repr(index.extent) for index in free(read.positions[-1])}


def innermost(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps in loops that hold no loop."""
    for step in steps:
        if isinstance(step, Loop):
            plain = not any(isinstance(inner, Loop) for inner in step.body)
            yield from step.body if plain else innermost(step.body)


def test_small_programs_stay_on_one_thread_and_large_ones_do_not() -> None:
    for rows, parallel in ((10, False), (10_000, True)):
        (kernel,) = plan(read_program(f"x: {rows} 16\ny[i,j] = tanh(x[i,j])")).kernels
        (loop,) = kernel.steps
        assert isinstance(loop, Loop)
        assert loop.parallel is parallel


def test_buffers_are_used_again() -> None:
    lines = "\n".join(f"x{n + 1}[i,j] = sum[k](x{n}[i,k] * w[k,j])" for n in range(6))
    made = plan(read_program(f"x0: 64 64\nw: 64 64\n{lines}"))
    assert made.arena is as_affine(2 * 64 * 64 * 8)


def test_what_nobody_needs_is_not_computed() -> None:
    made = plan(read_program("x: 5\ny[i] = exp(x[i])\nz[i] = x[i] + 1"))
    assert [written(kernel) for kernel in made.kernels] == [{"z"}]
    assert len(looping(made)) == 1
