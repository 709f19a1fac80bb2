/// The training loop: epochs, evaluation, agreement of ranks.
@NullMarked
package org.iolaus.train.loop;

import org.jspecify.annotations.NullMarked;
