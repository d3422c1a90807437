"""Powers of two and logarithms that a compiler can spread over vector lanes.

The library functions would be called lane by lane. Both are accurate to a few units in the last place over all positive
normal numbers; without the compiler they are the library's own.
"""

from __future__ import annotations

import math
from typing import Any

from numba import config, njit, types
from numba.extending import intrinsic

JIT = not config.DISABLE_JIT
LN2 = math.log(2.0)
SMALLEST_EXPONENT, LARGEST_EXPONENT = -1020.0, 1020.0

_EXP = tuple(LN2**k / math.factorial(k) for k in range(13))
_LOG = tuple(2.0 / (LN2 * (2 * k + 1)) for k in range(10))

if JIT:
    from llvmlite import ir

    @intrinsic  # type: ignore[untyped-decorator]
    def _bits(typing_context: Any, value: Any) -> Any:
        """Reinterpret a double as an integer."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], ir.IntType(64))

        return types.int64(types.float64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def _double(typing_context: Any, value: Any) -> Any:
        """Reinterpret an integer as a double."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], ir.DoubleType())

        return types.float64(types.int64), generate

    # Adding and taking away 1.5 x 2^52 rounds to the nearest integer and leaves that integer in the low bits.
    _ROUNDER = 6755399441055744.0

    @intrinsic  # type: ignore[untyped-decorator]
    def borrowed(typing_context: Any, array: Any) -> Any:
        """Return the same array without the count of its users, which would be kept at every call and turn of a loop.

        The caller keeps the array itself alive.
        """

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.return_type)(context, builder, args[0])
            view.meminfo = ir.Constant(view.meminfo.type, None)
            return view._getvalue()

        return array(array), generate

    @njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
    def exp2(x: float) -> float:
        """Return 2 to the power of x, for x cut to [-1020, 1020]."""
        x = min(max(x, SMALLEST_EXPONENT), LARGEST_EXPONENT)
        shifted = x + _ROUNDER
        r = x - (shifted - _ROUNDER)
        # Pairs of terms, pairs of pairs: half the waiting of one term after the other.
        r2 = r * r
        r4 = r2 * r2
        p0 = (1.0 + _EXP[1] * r) + (_EXP[2] + _EXP[3] * r) * r2
        p4 = (_EXP[4] + _EXP[5] * r) + (_EXP[6] + _EXP[7] * r) * r2
        p8 = (_EXP[8] + _EXP[9] * r) + (_EXP[10] + _EXP[11] * r) * r2
        p = p0 + (p4 + (p8 + _EXP[12] * r4) * r4) * r4
        return p * _double((_bits(shifted) + 1023) << 52)

    @njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
    def log2(x: float) -> float:
        """Return the logarithm to base 2 of a positive normal number."""
        bits = _bits(x)
        # Offsetting by the bits of sqrt(1/2) puts the mantissa into [sqrt(1/2), sqrt(2)).
        exponent = (bits - 0x3FE6A09E667F3BCD) >> 52
        mantissa = _double(bits - (exponent << 52))
        z = (mantissa - 1.0) / (mantissa + 1.0)
        s = z * z
        s2 = s * s
        s4 = s2 * s2
        p0 = (_LOG[0] + _LOG[1] * s) + (_LOG[2] + _LOG[3] * s) * s2
        p4 = (_LOG[4] + _LOG[5] * s) + (_LOG[6] + _LOG[7] * s) * s2
        p = p0 + (p4 + (_LOG[8] + _LOG[9] * s) * s4) * s4
        return p * z + exponent

else:

    def borrowed(array: Any) -> Any:
        """Return the array."""
        return array

    def exp2(x: float) -> float:
        """Return 2 to the power of x, for x cut to [-1020, 1020]."""
        return 2.0 ** min(max(x, SMALLEST_EXPONENT), LARGEST_EXPONENT)

    def log2(x: float) -> float:
        """Return the logarithm to base 2 of a positive normal number."""
        return math.log2(x)
