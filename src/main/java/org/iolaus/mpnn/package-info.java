/// Message-passing layers, one file each.
@NullMarked
package org.iolaus.mpnn;

import org.jspecify.annotations.NullMarked;
