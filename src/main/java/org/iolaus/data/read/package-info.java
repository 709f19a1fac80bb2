/// Readers and a writer of atomistic data files: one lazy stream of structures, whatever the format.
@NullMarked
package org.iolaus.data.read;

import org.jspecify.annotations.NullMarked;
