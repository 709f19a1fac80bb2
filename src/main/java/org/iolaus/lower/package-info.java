/// From a program to a schedule: passes from program to program ([Lowering] says in which order), fusion,
/// order, memory.
@NullMarked
package org.iolaus.lower;

import org.jspecify.annotations.NullMarked;
