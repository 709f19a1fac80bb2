/// Files that a run continues from.
@NullMarked
package org.iolaus.train.checkpoint;

import org.jspecify.annotations.NullMarked;
