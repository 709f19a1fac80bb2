package org.iolaus.config;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.iolaus.data.DatasetConfig;
import org.iolaus.lower.Precision;
import org.iolaus.model.Architecture;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.NodeHeadType;
import org.iolaus.model.Model;
import org.iolaus.model.MpnnType;
import org.iolaus.nn.Pooling;
import org.iolaus.train.Training;
import org.iolaus.train.optimize.OptimizerType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ConfigReaderTest {
    private static final Path POTENTIAL = Path.of("configs/rmd17_ethanol.json");
    private static final Path MULTIHEAD = Path.of("configs/generated_schnet.json");

    static Stream<Path> examples() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("configs"));
                Stream<Path> compared = Files.list(Path.of("bench/configs"))) {
            Stream<Path> rmd17 =
                    compared.filter(file -> file.getFileName().toString().startsWith("rmd17"));
            return Stream.concat(files, rmd17).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("examples")
    void everyExampleIsReadAndReadsBackEqual(Path file) {
        Config config = ConfigReader.read(file, List.of());
        assertEquals(config, ConfigReader.fromJson(ConfigReader.toJson(config)));
    }

    @ParameterizedTest
    @MethodSource("examples")
    void everyExampleGivesAModel(Path file) {
        Config.NeuralNetwork network = ConfigReader.read(file, List.of()).neuralNetwork();
        Model model = new Model(network.architecture(), network.training().lossFunctionType(), 0);
        assertTrue(model.train().parameters().size() > 10);
    }

    @ParameterizedTest
    @CsvSource({
        "golden_schnet_edge_features.json, ''",
        "golden_potential_painn_pbc.json, ''",
        "golden_egnn_gps.json, ''",
        "golden_mace_agnesi.json, NeuralNetwork.Architecture.mpnn_type",
    })
    void referenceCasesAreReadAndSayWhatIsNotSupported(String name, String unsupported) throws IOException {
        Config config = ConfigReader.fromJson(resource(name));
        assertEquals(config, ConfigReader.fromJson(ConfigReader.toJson(config)));
        String problem = ConfigReader.unsupported(config).orElse("");
        assertTrue(unsupported.isEmpty() ? problem.isEmpty() : problem.startsWith(unsupported + ": "), problem);
    }

    @Test
    void valuesLandInTheirRecords() throws IOException {
        Config config = ConfigReader.fromJson(resource("golden_potential_painn_pbc.json"));
        Architecture architecture = config.neuralNetwork().architecture();
        assertAll(
                () -> assertEquals(MpnnType.PAINN, architecture.mpnnType()),
                () -> assertEquals(2.2, architecture.radius()),
                () -> assertEquals(Boolean.TRUE, architecture.periodicBoundaryConditions()),
                () -> assertEquals(Pooling.ADD, architecture.graphPooling()),
                () -> assertEquals(10.0, architecture.potential().forceWeight()),
                () -> assertEquals(1, architecture.dimensions().inputDim()),
                () -> assertEquals(List.of(1), architecture.dimensions().outputDim()),
                () -> assertEquals(5, architecture.basis().numRadial()),
                () -> assertEquals(512, architecture.attention().equivariantAttnChunkSize()),
                () -> assertEquals(
                        0.02, config.neuralNetwork().training().optimizer().learningRate()));
    }

    @Test
    void defaultsAreHydraGnnsAndPyTorchs() {
        Training training =
                ConfigReader.read(MULTIHEAD, List.of()).neuralNetwork().training();
        assertAll(
                () -> assertEquals(10, training.patience()),
                () -> assertEquals(Precision.FP32, training.precision()),
                () -> assertEquals(0.01, training.optimizer().weightDecay()),
                () -> assertEquals(List.of(0.9, 0.999), training.optimizer().betas()),
                () -> assertEquals(
                        new Training.ReduceLrOnPlateau(0.5, 5, 1e-5, 1e-4, 0), training.reduceLrOnPlateau()));
    }

    @Test
    void thereIsOneScheduleAndCosineTakesTheUsualOnesPlace() {
        Config config = ConfigReader.read(MULTIHEAD, List.of("CosineWithWarmup={\"lr_min_factor\": 0.5}"));
        Training training = config.neuralNetwork().training();
        assertNull(training.reduceLrOnPlateau());
        assertEquals(new Training.CosineWithWarmup(0.1, 0.2, 0.5), training.cosineWithWarmup());
        assertEquals(config, ConfigReader.fromJson(ConfigReader.toJson(config)));
    }

    @ParameterizedTest
    @CsvSource({
        "SGD, 0, 1e-8",
        "Adagrad, 0, 1e-10",
        "Adadelta, 0, 1e-6",
        "AdamW, 0.01, 1e-8",
        "FusedLAMB, 0, 1e-8",
        "Muon, 0.1, 1e-8"
    })
    void optimizerDefaultsDependOnItsType(String type, double weightDecay, double eps) {
        Training.Optimizer optimizer = ConfigReader.read(MULTIHEAD, List.of("Optimizer.type=" + type))
                .neuralNetwork()
                .training()
                .optimizer();
        assertEquals(weightDecay, optimizer.weightDecay());
        assertEquals(eps, optimizer.eps());
    }

    @Test
    void sizesFollowFromTheDataset() {
        Config config = ConfigReader.read(MULTIHEAD, List.of("element_embedding=false", "input_node_features=[0,2]"));
        Architecture.Dimensions dimensions =
                config.neuralNetwork().architecture().dimensions();
        assertEquals(2, dimensions.inputDim());
        assertEquals(List.of(1, 1, 1), dimensions.outputDim());
        assertEquals(List.of(Level.GRAPH, Level.NODE, Level.NODE), dimensions.outputType());
    }

    @Test
    void hydraGnnsOtherFormsAreNormalised() {
        Config config = ConfigReader.fromJson("""
                {"NeuralNetwork": {
                  "Architecture": {
                    "mpnn_type": "EGNN", "hidden_dim": 8, "num_conv_layers": 2, "radius": 3, "graph_pooling": "SUM",
                    "global_attn_engine": "", "global_attn_type": "", "correlation": 2,
                    "output_heads": {
                      "graph": {"num_sharedlayers": 1, "dim_sharedlayers": 4, "num_headlayers": 1,
                                "dim_headlayers": [4], "type": "mlp"},
                      "node": {"num_headlayers": 1, "dim_headlayers": [4], "type": "conv"}},
                    "task_weights": [1, 2]},
                  "Variables_of_interest": {
                    "input_node_features": [0], "output_names": ["e", "f"], "output_index": [0, 1],
                    "type": ["graph", "node"], "denormalize_output": false,
                    "graph_feature_names": ["e"], "graph_feature_dims": [1],
                    "node_feature_names": ["z", "f"], "node_feature_dims": [1, 3]},
                  "Training": {"batch_size": 2, "precision": "float64", "continue": 0, "Checkpoint": 1,
                               "Optimizer": {"learning_rate": 1}},
                  "Profile": {"enable": 1}}}""");
        Architecture architecture = config.neuralNetwork().architecture();
        Training training = config.neuralNetwork().training();
        assertAll(
                () -> assertEquals(
                        NodeHeadType.CONV,
                        architecture
                                .outputHeads()
                                .node()
                                .getFirst()
                                .architecture()
                                .type()),
                () -> assertEquals(
                        "branch-0",
                        architecture.outputHeads().graph().getFirst().type()),
                () -> assertEquals(Pooling.ADD, architecture.graphPooling()),
                () -> assertEquals(List.of(2), architecture.basis().correlation()),
                () -> assertEquals(List.of(1, 3), architecture.dimensions().outputDim()),
                () -> assertEquals(
                        List.of("z", "f"),
                        Objects.requireNonNull(config.dataset()).nodeFeatures().name()),
                () -> assertEquals(Precision.FP64, training.precision()),
                () -> assertTrue(training.checkpoint() && !training.continueRun()),
                () -> assertTrue(config.profile().enable()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "NeuralNetwork.Architecture.hiden_dim=8 | NeuralNetwork.Architecture.hiden_dim: unknown key, did you mean hidden_dim?",
                "NeuralNetwork.Training.early_stopping=true | Training.early_stopping: unknown key, did you mean EarlyStopping?",
                "NeuralNetwork.Training.learning_rate=1 | Training.learning_rate: unknown key, did you mean NeuralNetwork.Training.Optimizer.learning_rate?",
                "num_epochs=3 | --set num_epochs: unknown key, did you mean num_epoch?",
                "path.total.x=3 | --set path.total.x: unknown key",
                "dataset.nam=3 | --set dataset.nam: unknown key, did you mean Dataset.name?",
                "seed=3 | --set seed: want the full path, one of",
                "hidden_dim | --set: want key=value, got hidden_dim",
                "output_names.7=x | --set output_names.7=x: nothing at 7",
                "hidden_dim=8.0 | hidden_dim: want an integer, got 8.0",
                "hidden_dim=99999999999 | hidden_dim: want an integer, got 99999999999",
                "hidden_dim=null | hidden_dim: want an integer, got null",
                "radius=far | radius: want a finite number, got \"far\"",
                "radius=1e999 | radius: want a finite number, got",
                "element_embedding=1 | element_embedding: want true or false, got 1",
                "log_name=7 | log_name: want a string, got 7",
                "output_names=energy | output_names: want an array, got \"energy\"",
                "output_names=[1] | output_names[0]: want a string, got 1",
                "Optimizer=Adam | Optimizer: want an object, got \"Adam\"",
                "Dataset.path=here | Dataset.path: want an object, got \"here\"",
                "energy_scale=big | energy_scale: want a number, \"auto\", \"energy_std\" or null, got \"big\"",
                "Optimizer.no_decay=[\"bias\"] | Optimizer.no_decay[0]: want one of weights, biases, norms, embeddings, got \"bias\"",
                "activation_function=gelu | want one of relu, selu, prelu, elu, lrelu_01, lrelu_025, lrelu_05, sigmoid, silu, tanh, got \"gelu\"",
                "units.energy=foe | Dataset.units: unit of energy: want one of",
                "Dataset.rotational_invariance=true | Dataset.rotational_invariance: not supported yet, want false",
                "mpnn_type=MACE | mpnn_type: not supported yet: want SchNet or EGNN or ",
                "global_attn_engine=EquivariantTransformer | not supported yet: want null or GPS or EquiformerV2, got",
                "CheckRemainingTime=1 | CheckRemainingTime: not supported yet: want false, got true",
            })
    void whatIsNotInTheVocabularyIsOneError(String setting, String message) {
        assertFails(POTENTIAL, setting, message);
    }

    /// Settings separated by `;` and a part of the message, for the potential and for the model with several heads.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "P | Verbosity.level=5 | Verbosity.level: want 0 to 4, got 5",
                "P | num_radial=null | num_radial: required key is missing (PAINN needs it)",
                "M | num_filters=null | num_filters: required key is missing (SchNet needs it)",
                "M | mpnn_type=EGNN;radius=null | radius: required key is missing",
                "P | radius=0 | radius: want more than 0, got 0.0",
                "P | force_weight=0;energy_peratom_weight=0 | force_weight: want a positive weight",
                "P | force_weight=-1 | force_weight: want 0 or more, got -1.0",
                "P | enable_interatomic_potential=false;NeuralNetwork.Variables_of_interest.output_dim=[1];Dataset.node_features={\"name\":[\"e\"],\"dim\":[1]} | enable_interatomic_potential: want true where",
                "P | NeuralNetwork.Variables_of_interest.output_dim=[3] | want one output of width 1, the energy",
                "P | loss_function_type=GaussianNLLLoss | loss_function_type: want a loss without variances for a potential, got GaussianNLLLoss",
                "M | force_loss_type=l2 | enable_interatomic_potential: want true where energy_weight",
                "P | edge_features=[\"length\"] | edge_features: want [] for an interatomic potential",
                "M | edge_features=[\"length\"] | datasets with edge features are not supported yet",
                "P | edge_dim=1 | edge_dim: want 0, the number of edge_features, got 1",
                "P | NeuralNetwork.Architecture.output_heads.node=[] | output_heads.node: required key is missing",
                "P | NeuralNetwork.Architecture.output_heads.node.dim_headlayers=[8,8] | node.dim_headlayers: want 1 entries, got 2",
                "P | compatibility=hydragnn | element_embedding: want false with compatibility hydragnn",
                "P | compatibility=hydragnn;element_embedding=false;input_node_features=[0];Dataset.node_features.name=[\"z\"];Dataset.node_features.dim=[1] | compatibility: want null with energy_scale",
                "P | element_embedding=false | input_node_features: want at least one column",
                "P | global_attn_engine=EquiformerV2 | global_attn_heads: want more than 0, got 0",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;equiformer_lmax_list=[2,3] | equiformer_mmax_list: want 2 entries",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;equiformer_lmax_list=[1] | equiformer_mmax_list: want 0 to the degree 1, got 2",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;equiformer_lmax_list=[9] | equiformer_lmax_list: want 0 to 8, got 9",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;equiformer_grid_resolution=17 | equiformer_grid_resolution: want an even number above 0, got 17",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;equiformer_proj_drop=1 | proj_drop: want 0 or more, below 1, got 1.0",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;equiformer_max_num_elements=120 | equiformer_max_num_elements: want 2 to 119, got 120",
                "P | global_attn_engine=EquiformerV2;global_attn_heads=2;mpnn_type=none;max_neighbours=3 | radius, max_neighbours: want those of equiformer_",
                "P | global_attn_engine=GPS | global_attn_type: want multihead or performer for GPS, got null",
                "P | global_attn_engine=GPS;global_attn_type=multihead | global_attn_heads: want more than 0, got 0",
                "P | global_attn_engine=GPS;global_attn_type=multihead;global_attn_heads=5 | global_attn_heads: want a divisor of hidden_dim 64 for GPS, got 5",
                "P | global_attn_engine=GPS;global_attn_type=multihead;global_attn_heads=4;pe_dim=-1 | pe_dim: want 0 or more, got -1",
                "P | global_attn_engine=GPS;global_attn_type=multihead;global_attn_heads=4;global_attn_dropout=1 | global_attn_dropout: want 0 or more, below 1, got 1.0",
                "P | global_attn_redraw_interval=0 | global_attn_redraw_interval: want more than 0, got 0",
                "P | global_attn_engine=GPS;global_attn_type=multihead;global_attn_heads=4;NeuralNetwork.Architecture.output_heads.node.type=conv | output_heads.node: want mlp or mlp_per_node with GPS",
                "P | global_attn_engine=GPS;global_attn_type=multihead;global_attn_heads=4;pe_dim=2;mpnn_type=SchNet;num_gaussians=4;num_filters=4;equivariance=true | equivariance: want null or false for SchNet with edge features or with GPS and pe_dim, got true",
                "P | mpnn_type=none | mpnn_type: want message passing, or a global attention that works without, got none",
                "P | energy_scale=0 | energy_scale: want more than 0",
                "P | graph_pooling=mean;NeuralNetwork.Variables_of_interest.type=[\"graph\"];NeuralNetwork.Architecture.output_heads.graph={\"num_sharedlayers\":1,\"dim_sharedlayers\":4,\"num_headlayers\":0,\"dim_headlayers\":[]} | graph_pooling: want add for an interatomic potential",
                "M | task_weights=[1,1] | task_weights: want 3 entries, got 2",
                "M | task_weights=[0,0,0] | task_weights: want one that is not zero",
                "M | output_names=[\"a\",\"b\"] | output_names: want 3 entries",
                "M | output_names=[\"a\",\"b\",\"a\"] | output_names: want different entries",
                "M | output_index=[0,1,3] | output_index[2]: want one of the 3 features",
                "M | NeuralNetwork.Variables_of_interest.output_dim=[1,1,2] | output_dim: want 1, the Dataset.node_features.dim, got 2",
                "M | input_node_features=[3] | input_node_features: want columns below 3",
                "M | input_node_features=[-1] | input_node_features: want columns from 0, got -1",
                "M | input_dim=4 | input_dim: want 0, the number of input_node_features, got 4",
                "M | use_graph_attr_conditioning=true | Dataset.graph_attributes: required key is missing",
                "M | Dataset.node_features.dim=[1,1] | Dataset.node_features.dim: want 3 entries, got 2",
                "M | Dataset.node_features.dim=[1,1,0] | Dataset.node_features.dim: want more than 0",
                "P | Dataset.format=null | Dataset.format: required key is missing",
                "P | Dataset.path={\"train\":\"a\"} | Dataset.path: want either total or train, validate and test",
                "P | Dataset.path={\"train\":\"a\",\"validate\":\"b\",\"test\":\"c\"} | Dataset.split: want null beside separate paths",
                "P | Dataset.split=null | Dataset.split: want this key or NeuralNetwork.Training.perc_train",
                "P | Dataset.split.fractions=[0.5,0.5,0] | Dataset.split: want exactly one of counts, fractions and indices",
                "P | Dataset.split.counts=[950,50] | Dataset.split.counts: want 3 entries",
                "P | Dataset.split={\"fractions\":[0.5,0.4,0.2]} | Dataset.split.fractions: want a sum of at most 1, got 1.1",
                "P | Dataset.split={\"indices\":{\"valid\":\"a\"}} | Dataset.split.indices: want train and, if wanted",
                "P | compositional_stratified_splitting=true;Dataset.split={\"indices\":{\"train\":\"a\"}} | compositional_stratified_splitting: want false with indices",
                "P | num_epoch=0 | num_epoch: want at least 1, got 0",
                "P | epoch_start=100 | epoch_start: want less than num_epoch 100, got 100",
                "P | batch_size=0 | batch_size: want more than 0, got 0",
                "P | limit_batches_per_epoch=0 | limit_batches_per_epoch: want more than 0, got 0",
                "P | perc_train=1.5 | perc_train: want more than 0, at most 1, got 1.5",
                "P | Checkpoint=false;checkpoint_every_steps=5 | checkpoint_every_steps: want null where Checkpoint is false",
                "P | log_name=a/b | log_name: want a name of a folder",
                "P | Batching.mode=node_budget | Batching.max_nodes: required key is missing",
                "P | Batching.mode=edge_budget | Batching.max_edges: required key is missing",
                "P | Batching.max_edges=9 | Batching.max_edges: want null with mode fixed, got 9",
                "P | Batching.max_graphs=9 | Batching.max_graphs: want null with mode fixed",
                "P | learning_rate=0 | Optimizer.learning_rate: want more than 0",
                "P | betas=[0.9] | Optimizer.betas: want 2 entries",
                "P | betas=[0.9,1.0] | Optimizer.betas: want 0 or more, below 1, got 1.0",
                "P | momentum=0.9 | Optimizer.momentum: want 0 with AdamW, got 0.9",
                "P | nesterov=true | Optimizer.nesterov: want false but for SGD with momentum",
                "P | Optimizer.no_decay=[\"biases\",\"biases\"] | Optimizer.no_decay: want different entries",
                "P | energy_scale=null;normalize_targets=true | normalize_targets: want false for a potential without energy_scale",
                "P | energy_scale=energy_std;energy_reference=none | energy_reference: want mean or per_element with energy_scale energy_std, got none",
                "P | gradient_accumulation_steps=0 | gradient_accumulation_steps: want more than 0, got 0",
                "P | gradient_accumulation_steps=2;force_loss_type=rmse | gradient_accumulation_steps: want 1 with a loss of type rmse, got 2",
                "P | ema_decay=1 | ema_decay: want more than 0, below 1, got 1.0",
                "P | CosineWithWarmup={};ReduceLROnPlateau={} | ReduceLROnPlateau: want null beside CosineWithWarmup",
                "P | ReduceLROnPlateau=null;CosineWithWarmup={\"warmup_epochs\":100} | CosineWithWarmup.warmup_epochs: want less than the run's 100 epochs, got 100.0",
                "P | ReduceLROnPlateau=null;CosineWithWarmup={\"warmup_factor\":1.1} | CosineWithWarmup.warmup_factor: want 0 to 1, got 1.1",
                "P | ReduceLROnPlateau=null;CosineWithWarmup={\"lr_min_factor\":-1} | CosineWithWarmup.lr_min_factor: want 0 to 1, got -1.0",
                "P | factor=1 | ReduceLROnPlateau.factor: want more than 0, below 1, got 1.0",
            })
    void whatCannotGoTogetherIsOneError(String base, String settings, String message) {
        assertFails(base.equals("P") ? POTENTIAL : MULTIHEAD, settings, message);
    }

    private static void assertFails(Path file, String settings, String message) {
        ConfigException e =
                assertThrows(ConfigException.class, () -> ConfigReader.read(file, List.of(settings.split(";", -1))));
        String said = Objects.requireNonNull(e.getMessage());
        assertTrue(said.startsWith(file + ": ") && said.contains(message), said);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"NeuralNetwork.Training.batch_size", "Dataset.name", "NeuralNetwork.Architecture.mpnn_type"})
    void aMissingRequiredKeyIsNamed(String path, @TempDir Path folder) throws IOException {
        String key = path.substring(path.lastIndexOf('.') + 1);
        Path file = folder.resolve("config.json");
        Files.writeString(file, Files.readString(POTENTIAL).replaceFirst("\"" + key + "\": [^,]*,", ""));
        ConfigException e = assertThrows(ConfigException.class, () -> ConfigReader.read(file, List.of()));
        assertEquals(file + ": " + path + ": required key is missing", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"Verbosity\": {\"level\": 1},} | line 1, column 28",
                "{\"Verbosity\": {}, \"Verbosity\": {}} | line 1, column 30",
                "{/* no */} | line 1, column",
                "{} {} | line 1, column 4",
                "[] | want an object, got []",
                "' ' | want an object, got an empty file",
                "{\"Verbosity\": {\"level\": 1} | line 1, column",
            })
    void whatIsNotJsonIsOneErrorWithItsPlace(String json, String message, @TempDir Path folder) throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(file, json);
        ConfigException e = assertThrows(ConfigException.class, () -> ConfigReader.read(file, List.of()));
        assertTrue(Objects.requireNonNull(e.getMessage()).startsWith(file + ": " + message), e.getMessage());
    }

    @Test
    void aFileThatIsNotThereIsOneError() {
        ConfigException e =
                assertThrows(ConfigException.class, () -> ConfigReader.read(Path.of("no/such.json"), List.of()));
        assertTrue(
                Objects.requireNonNull(e.getMessage()).startsWith("no/such.json: want a configuration"),
                e.getMessage());
    }

    @Test
    void settingsTakePrecedence() {
        Config config = ConfigReader.read(
                POTENTIAL,
                List.of(
                        "NeuralNetwork.Training.num_epoch=7",
                        "Optimizer.type=SGD",
                        "Dataset.path.total=/data/a=b.npz",
                        "energy_scale=2",
                        "ReduceLROnPlateau=null",
                        "Dataset.split.counts.1=49",
                        "num_epoch=8"));
        Training training = config.neuralNetwork().training();
        assertEquals(8, training.numEpoch());
        assertEquals(OptimizerType.SGD, training.optimizer().type());
        assertEquals(1e-3, training.optimizer().learningRate());
        assertEquals(null, training.reduceLrOnPlateau());
        DatasetConfig dataset = Objects.requireNonNull(config.dataset());
        assertEquals("/data/a=b.npz", dataset.path().get("total"));
        assertEquals(
                List.of(950, 49, 0), Objects.requireNonNull(dataset.split()).counts());
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = ConfigReaderTest.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
