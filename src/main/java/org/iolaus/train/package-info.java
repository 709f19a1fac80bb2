/// Settings of a training run; what it is made of is in the packages below.
@NullMarked
package org.iolaus.train;

import org.jspecify.annotations.NullMarked;
