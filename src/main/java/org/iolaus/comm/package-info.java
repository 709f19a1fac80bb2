/// The communicator: what the ranks of one job say to each other, over MPI, over threads, or alone.
@NullMarked
package org.iolaus.comm;

import org.jspecify.annotations.NullMarked;
