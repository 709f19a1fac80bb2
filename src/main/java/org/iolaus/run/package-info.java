/// What commands share: model, data and engine from a configuration.
@NullMarked
package org.iolaus.run;

import org.jspecify.annotations.NullMarked;
