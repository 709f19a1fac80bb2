/// Shapes, symbolic sizes, element types and the values that programs read and write.
@NullMarked
package org.iolaus.tensor;

import org.jspecify.annotations.NullMarked;
