/// The commands: what a user types, what is printed, and the exit code (0 good, 2 bad input, 1 failure).
@NullMarked
package org.iolaus.app;

import org.jspecify.annotations.NullMarked;
