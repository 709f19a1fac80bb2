/// Nodes, the contract of an operation, programs with their verifier and printer.
@NullMarked
package org.iolaus.ir;

import org.jspecify.annotations.NullMarked;
