/// From a batch of the data to the inputs of a program.
@NullMarked
package org.iolaus.train.inputs;

import org.jspecify.annotations.NullMarked;
