/// Units, elements, cells, structures and neighbour lists.
@NullMarked
package org.iolaus.atoms;

import org.jspecify.annotations.NullMarked;
