/// Reverse-mode differentiation: nodes in, nodes out, to any order.
@NullMarked
package org.iolaus.grad;

import org.jspecify.annotations.NullMarked;
