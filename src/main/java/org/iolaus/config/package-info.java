/// Reads and checks HydraGNN-style JSON configurations into the records of the packages that use them.
@NullMarked
package org.iolaus.config;

import org.jspecify.annotations.NullMarked;
