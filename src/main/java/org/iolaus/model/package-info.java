/// Assembles embedding, layers, heads, losses and interatomic potentials from an architecture.
@NullMarked
package org.iolaus.model;

import org.jspecify.annotations.NullMarked;
