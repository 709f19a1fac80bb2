/// Spherical harmonics, rotations of them and grids on the sphere: tables and doubles.
///
/// Conventions: coefficients of degree `l` in the order `m = -l .. l`; the polar axis is `y`; `m > 0` goes with
/// `cos(m a)` and `m < 0` with `sin(|m| a)`, `a = atan2(x, z)`, without the sign of Condon and Shortley, so that
/// degree 1 is `(x, y, z)`. A rotation matrix is nine numbers, row-major.
@NullMarked
package org.iolaus.so3;

import org.jspecify.annotations.NullMarked;
