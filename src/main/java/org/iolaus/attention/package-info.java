/// Global attention engines.
@NullMarked
package org.iolaus.attention;

import org.jspecify.annotations.NullMarked;
