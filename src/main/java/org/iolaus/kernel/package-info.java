/// The scalar functions and device steps that programs are lowered to, as data.
@NullMarked
package org.iolaus.kernel;

import org.jspecify.annotations.NullMarked;
