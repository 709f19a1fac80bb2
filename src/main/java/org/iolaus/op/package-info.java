/// One primitive operation per file, all of them in `Ops.ALL`, and the functions that build nodes.
@NullMarked
package org.iolaus.op;

import org.jspecify.annotations.NullMarked;
