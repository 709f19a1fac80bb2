/// From a program to a schedule: simplify, fuse, plan memory; verified after each pass.
@NullMarked
package org.iolaus.lower;

import org.jspecify.annotations.NullMarked;
