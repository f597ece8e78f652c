"""Rows of float32 tables as SIMD vectors, for compiled loops over triplets.

A loop over the columns of a row is short, and the compiler must assume aliasing: the rows that it
reads and writes may overlap. So it falls back to scalar code or emits an aliasing check for every
row. These functions are the SIMD instructions themselves. The number of columns is the length of a
tuple, which the compiler knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

_FLOAT = ir.FloatType()
_AT_ONCE = 16  # floats of a vector; LLVM splits it if the registers of the CPU are smaller
_FUSED = ("contract",)
#: Vectors of a sum that the CPU's registers hold, and their number of columns.
_IN_REGISTERS = 4
COLUMNS = _IN_REGISTERS * _AT_ONCE


@intrinsic  # type: ignore[untyped-decorator]
def difference(_, out, o, table, i, j, by, b, columns):  # type: ignore[no-untyped-def]
    """Write ``out[o] = table[i] - table[j]`` and return its product with ``by[b]``.

    Parameters
    ----------
    out, table, by : float32 (n, d)
        C-contiguous tables.
    o, i, j, b : uint64
        Rows; not checked.
    columns : tuple
        Of d entries; only its length counts.
    """
    _check(out, table, by)
    index, width = types.uint64, len(columns)
    signature = types.float32(out, index, table, index, index, by, index, columns)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kinds, total = signature.args, ir.Constant(_FLOAT, 0.0)
        out, first, second, by = (
            _row(context, builder, kinds[table], args[table], args[row], width)
            for table, row in ((0, 1), (2, 3), (2, 4), (5, 6))
        )
        partial = None
        for start, count in _pieces(width):
            left, right = (_load(builder, row, start, count) for row in (first, second))
            apart = builder.fsub(left, right)
            _store(builder, apart, out, start)
            product = builder.fmul(apart, _load(builder, by, start, count), flags=_FUSED)
            if count == _AT_ONCE:
                partial = builder.fadd(partial, product, flags=_FUSED) if partial else product
            else:
                total = _sum(builder, total, product)
        return _sum(builder, total, partial) if partial else total

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def add_scaled(_, out, o, scale, table, i, columns):  # type: ignore[no-untyped-def]
    """Add ``scale * table[i]`` to ``out[o]``.

    Parameters
    ----------
    out, table : float32 (n, d)
        C-contiguous tables.
    o, i : uint64
        Rows; not checked.
    scale : float32
        Factor.
    columns : tuple
        As for :func:`difference`.
    """
    _check(out, table)
    index, width = types.uint64, len(columns)
    signature = types.void(out, index, types.float32, table, index, columns)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kinds = signature.args
        out = _row(context, builder, kinds[0], args[0], args[1], width)
        table = _row(context, builder, kinds[3], args[3], args[4], width)
        for start, count in _pieces(width):
            scaled = builder.fmul(
                _repeated(builder, args[2], count),
                _load(builder, table, start, count),
                flags=_FUSED,
            )
            before = _load(builder, out, start, count)
            _store(builder, builder.fadd(before, scaled, flags=_FUSED), out, start)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def weighted_sum(_, out, o, table, rows, scales, begin, end, column, columns):  # type: ignore[no-untyped-def]
    """Write ``out[o]``, the sum of ``scales[e] * table[rows[e]]`` over ``e`` from begin to end.

    Of d columns, from ``column`` on. In this order, for each column alone: a column's bits do not
    depend on the others. The sum stays in registers, for as many columns as they hold.

    Parameters
    ----------
    out, table : float32 (n, d or more)
        C-contiguous tables that do not overlap.
    o, column : uint64
        Row, and first column in both tables; not checked.
    rows, scales : int32 (n_terms,), float32 (n_terms,)
        C-contiguous; rows are not checked.
    begin, end : uint64
        Range of terms.
    columns : tuple
        As for :func:`difference`.
    """
    _check(out, table)
    index, width = types.uint64, len(columns)
    signature = types.void(out, index, table, rows, scales, index, index, index, columns)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        kinds = signature.args
        out = _part(context, builder, kinds[0], args[0], args[1], args[7])
        data = [context.make_array(kinds[n])(context, builder, args[n]).data for n in (3, 4)]
        pieces = list(_pieces(width))
        for first in range(0, len(pieces), _IN_REGISTERS):
            held = [
                (cgutils.alloca_once(builder, ir.VectorType(_FLOAT, count)), start, count)
                for start, count in pieces[first : first + _IN_REGISTERS]
            ]
            for total, _, _ in held:
                builder.store(ir.Constant(total.type.pointee, None), total)
            one = ir.Constant(args[5].type, 1)
            with cgutils.for_range_slice(builder, *args[5:7], one, inc=True) as (e, _):
                row, scale = (builder.load(builder.gep(of, [e])) for of in data)
                row = builder.zext(row, args[1].type)
                source = _part(context, builder, kinds[2], args[2], row, args[7])
                for total, start, count in held:
                    scaled = builder.fmul(
                        _repeated(builder, scale, count),
                        _load(builder, source, start, count),
                        flags=_FUSED,
                    )
                    more = builder.fadd(builder.load(total), scaled, flags=_FUSED)
                    builder.store(more, total)
            for total, start, _ in held:
                _store(builder, builder.load(total), out, start)
        return context.get_dummy_value()

    return signature, generate


def _check(*tables: Any) -> None:
    """Refuse to compile for tables that are not C-contiguous float32."""
    for table in tables:
        if (table.dtype, table.ndim, table.layout) != (types.float32, 2, "C"):
            raise TypingError(f"rows of {table} are not vectors; give C-contiguous float32 (n, d)")


def _pieces(width: int) -> Iterator[tuple[int, int]]:
    """Yield first column and length of each vector of a row."""
    for start in range(0, width, _AT_ONCE):
        yield start, min(_AT_ONCE, width - start)


def _row(context: Any, builder: Any, kind: Any, table: Any, row: Any, width: int) -> Any:
    data = context.make_array(kind)(context, builder, table).data
    return builder.gep(data, [builder.mul(row, ir.Constant(row.type, width))])


def _part(context: Any, builder: Any, kind: Any, table: Any, row: Any, column: Any) -> Any:
    """Return where a row of any length begins, from a column on."""
    array = context.make_array(kind)(context, builder, table)
    length = cgutils.unpack_tuple(builder, array.shape)[1]
    return builder.gep(array.data, [builder.add(builder.mul(row, length), column)])


def _at(builder: Any, row: Any, start: int, count: int) -> Any:
    place = builder.gep(row, [ir.Constant(ir.IntType(64), start)])
    return builder.bitcast(place, ir.VectorType(_FLOAT, count).as_pointer())


def _load(builder: Any, row: Any, start: int, count: int) -> Any:
    vector = builder.load(_at(builder, row, start, count))
    vector.align = 4
    return vector


def _store(builder: Any, vector: Any, row: Any, start: int) -> None:
    builder.store(vector, _at(builder, row, start, vector.type.count)).align = 4


def _repeated(builder: Any, scalar: Any, count: int) -> Any:
    nothing = ir.Constant(ir.VectorType(_FLOAT, count), ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, nothing, zeros)


def _sum(builder: Any, start: Any, vector: Any) -> Any:
    """Return ``start`` plus the sum of a vector, in the order that is fastest."""
    kind = ir.FunctionType(_FLOAT, [_FLOAT, vector.type])
    name = f"llvm.vector.reduce.fadd.v{vector.type.count}f32"
    reduce = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(reduce, [start, vector], fastmath=("reassoc", *_FUSED))
