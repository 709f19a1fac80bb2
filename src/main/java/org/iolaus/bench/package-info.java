/// Measurements of training steps, loading, sums over ranks and symmetry.
@NullMarked
package org.iolaus.bench;

import org.jspecify.annotations.NullMarked;
