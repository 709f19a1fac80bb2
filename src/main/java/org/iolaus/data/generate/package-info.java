/// The default dataset: small clusters, crystals and slabs whose energies and forces come from pair potentials.
@NullMarked
package org.iolaus.data.generate;

import org.jspecify.annotations.NullMarked;
