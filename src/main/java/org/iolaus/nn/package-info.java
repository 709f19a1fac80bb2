/// Layers: functions from nodes and parameters to nodes.
@NullMarked
package org.iolaus.nn;

import org.jspecify.annotations.NullMarked;
