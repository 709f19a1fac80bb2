/// Compares this build with its definition and with reference results: cases, tolerances, operations.
@NullMarked
package org.iolaus.verify;

import org.jspecify.annotations.NullMarked;
