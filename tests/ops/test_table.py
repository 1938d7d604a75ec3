"""The table as data: every record is complete, and its forms say what the record says."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest

from covector.notation import syntax
from covector.notation.build import children
from covector.notation.parse import parse_expression, parse_program
from covector.ops import OPERATIONS, SCALARS, Operation
from tests.ops.cases import CASES
from tests.ops.oracles import HAS_TORCH, ORACLES, SCALAR_ORACLES
from tests.ops.scalar_cases import POINTS

each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
each_scalar = pytest.mark.parametrize("function", SCALARS.values(), ids=SCALARS)

CONSTANTS = {"inf", "pi"}


def walk(node: syntax.Syntax) -> Iterator[syntax.Syntax]:
    yield node
    for child in children(node):
        yield from walk(child)


def read(form: str) -> tuple[list[syntax.Declaration], list[syntax.Definition]]:
    statements = parse_program(form).statements
    return (
        [statement for statement in statements if isinstance(statement, syntax.Declaration)],
        [statement for statement in statements if isinstance(statement, syntax.Definition)],
    )


def names_in(form: str) -> set[str]:
    """Every name that a form mentions: tensors, indices, extents, parameters, constants."""
    nodes = [node for part in read(form) for statement in part for node in walk(statement)]
    return {node.name for node in nodes if isinstance(node, (syntax.Name, syntax.Subscript))}


def bound_in(form: str) -> set[str]:
    """What a form itself gives a meaning: indices, extents of declarations, statements."""
    declarations, definitions = read(form)
    nodes = [node for definition in definitions for node in walk(definition)]
    extents = {node.name for d in declarations for node in walk(d) if isinstance(node, syntax.Name)}
    indices = {node.name for node in nodes if isinstance(node, syntax.IndexBinding)}
    return extents | indices | {definition.name for definition in definitions}


def arguments_of(operation: Operation, form: str) -> tuple[str, ...]:
    """The arguments that a form reads, in the order of a call."""
    return tuple(name for name in operation.arguments if name in names_in(form))


def assert_one_sentence(text: str) -> None:
    assert text.endswith(".")
    assert "\n" not in text
    assert not re.search(r"[.!?]\s", text)


@each_operation
def test_a_form_mentions_only_what_it_binds_and_what_a_call_gives(operation: Operation) -> None:
    for form in operation.forms:
        known = bound_in(form) | set(operation.arguments) | set(operation.parameters) | CONSTANTS
        assert names_in(form) <= known


@each_operation
def test_the_last_statement_is_the_result(operation: Operation) -> None:
    for form in operation.forms:
        declarations, definitions = read(form)
        assert definitions[-1].name == operation.name
        names = [definition.name for definition in definitions]
        assert len(set(names)) == len(names)
        assert {declaration.name for declaration in declarations} <= set(operation.arguments)


@each_operation
def test_a_form_calls_only_scalar_functions(operation: Operation) -> None:
    for form in operation.forms:
        calls = [node for d in read(form)[1] for node in walk(d) if isinstance(node, syntax.Call)]
        assert {call.function for call in calls} <= set(SCALARS) | {"select", "pad"}


@each_operation
def test_every_argument_and_every_parameter_is_used(operation: Operation) -> None:
    mentioned = set().union(*(names_in(form) for form in operation.forms))
    assert set(operation.arguments) | set(operation.parameters) <= mentioned
    assert len(set(operation.arguments)) == len(operation.arguments)


@each_operation
def test_arguments_that_may_be_left_out_come_last(operation: Operation) -> None:
    """A call by position is then never ambiguous."""
    for form in operation.forms:
        given = arguments_of(operation, form)
        assert given == operation.arguments[: len(given)]


@each_operation
def test_no_name_means_two_things(operation: Operation) -> None:
    for form in operation.forms:
        declarations, definitions = read(form)
        bound = {node.name for d in definitions for node in walk(d) if isinstance(node, syntax.IndexBinding)}
        extents = {node.name for d in declarations for node in walk(d) if isinstance(node, syntax.Name)}
        tensors = {definition.name for definition in definitions} | set(operation.arguments)
        kinds = [bound, extents, tensors, set(operation.parameters), CONSTANTS]
        assert sum(len(kind) for kind in kinds) == len(set().union(*kinds))


@each_operation
def test_the_record_is_complete(operation: Operation) -> None:
    assert operation.family
    assert_one_sentence(operation.doc)
    assert set(operation.sample) <= set(operation.parameters)
    declared = tuple(declaration.name for declaration in read(operation.example)[0])
    assert declared in {arguments_of(operation, form) for form in operation.forms}
    if operation.axis:
        assert all("..." in form for form in operation.forms)


def test_no_record_holds_a_derivative() -> None:
    assert not any("derivative" in name for name in (field.name for field in dataclasses.fields(Operation)))


@each_operation
def test_every_operation_has_cases_and_an_oracle(operation: Operation) -> None:
    settings = CASES[operation.name].settings
    assert len({tuple(setting.sizes.items()) for setting in settings}) >= 3
    assert any(1 in setting.sizes.values() for setting in settings)
    assert any(size % 2 and size > 1 for setting in settings for size in setting.sizes.values())
    assert not HAS_TORCH or operation.name in ORACLES


def test_nothing_else_has_cases_or_an_oracle() -> None:
    assert set(CASES) == set(OPERATIONS)
    assert set(ORACLES) <= set(OPERATIONS)
    assert set(SCALAR_ORACLES) <= set(SCALARS)


@each_operation
def test_the_cases_reach_every_form(operation: Operation) -> None:
    declared = {
        tuple((d.name, len(d.extents)) for d in read(setting.example or operation.example)[0])
        for setting in CASES[operation.name].settings
    }
    assert len(declared) >= len(operation.forms)


@each_scalar
def test_a_derivative_mentions_only_the_parameters(function: object) -> None:
    record = SCALARS[str(function)]
    for text in (*record.derivatives, record.domain):
        if text:
            nodes = list(walk(parse_expression(text)))
            names = {node.name for node in nodes if isinstance(node, syntax.Name)}
            calls = {node.function for node in nodes if isinstance(node, syntax.Call)}
            assert names <= set(record.parameters) | CONSTANTS
            assert calls <= set(SCALARS) | {"select"}
            assert not any(isinstance(node, syntax.Subscript) for node in nodes)


@each_scalar
def test_the_scalar_record_is_complete(function: object) -> None:
    record = SCALARS[str(function)]
    assert SCALARS[record.name] is record
    assert record.result in ("float", "same", "bool")
    assert len(record.derivatives) == (0 if record.variadic else len(record.parameters))
    assert callable(record.numeric)
    assert len(POINTS[record.name]) == len(record.parameters)
    for sentence in (record.doc, record.kinks):
        if sentence or sentence is record.doc:
            assert_one_sentence(sentence)
    assert not HAS_TORCH or record.name in SCALAR_ORACLES


def test_what_jumps_or_bends_says_so() -> None:
    for name in ("abs", "sign", "relu", "maximum", "minimum", "sqrt", "pow"):
        assert SCALARS[name].kinks


def test_the_table_holds_what_it_must() -> None:
    required = """
        add sub mul div matmul outer inner dot bilinear trace diag diagonal transpose norm linear mse mae huber softmax
        log_softmax logsumexp cross_entropy cross_entropy_probabilities nll binary_cross_entropy_with_logits
        kl_divergence layer_norm rms_norm batch_norm group_norm gelu gelu_tanh silu swiglu leaky_relu elu dropout
        attention causal_attention rotary_embedding embedding one_hot conv1d conv2d conv_transpose1d conv_transpose2d
        avg_pool2d max_pool2d cumsum cosine_similarity pairwise_squared_distances lora_linear
        matrix_factorisation_loss logistic_regression_loss lstm_cell gru_cell column_parallel_linear squared_error_sum
    """
    assert set(required.split()) <= set(OPERATIONS)
    scalars = """
        neg abs sign sqrt rsqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh sigmoid softplus erf erfc
        pow atan2 maximum minimum relu eq ne lt le
    """
    assert set(scalars.split()) <= set(SCALARS)
