"""Writes the models of the inference benchmark: random weights, the layer sizes of an MLP, MiniLM and BERT-base.

usage: python models.py FOLDER
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
VOCABULARY = 30522
POSITIONS = 512


class Graph:
    """Collects nodes and weights; every call of `node` returns the name of its output."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def constant(self, value, dtype):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape):
        return self.constant(self.random.standard_normal(shape, np.float32) * np.float32(0.02), np.float32)

    def node(self, op, *inputs, output=None, **attributes):
        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"{op}{len(self.nodes)}", **attributes))
        return name

    def dense(self, x, inputs, outputs):
        product = self.node("MatMul", x, self.weight(inputs, outputs))
        return self.node("Add", product, self.constant(np.zeros(outputs), np.float32))

    def normalise(self, x, width):
        scale, bias = self.constant(np.ones(width), np.float32), self.constant(np.zeros(width), np.float32)
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.save(model, path)


def mlp(path):
    g = Graph(1)
    hidden = g.node("Relu", g.dense("x", 784, 512))
    g.node("Identity", g.dense(hidden, 512, 10), output="y")
    g.save(
        path,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 784])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])],
    )


def embed(g, width):
    """Token, position and segment embeddings."""
    length = g.node("Slice", g.node("Shape", "input_ids"), *[g.constant([v], np.int64) for v in (1, 2)])
    positions = g.node("Slice", g.weight(POSITIONS, width), g.constant([0], np.int64), length)
    tokens = g.node("Gather", g.weight(VOCABULARY, width), "input_ids")
    return g.normalise(g.node("Add", g.node("Add", tokens, positions), g.weight(width)), width)


def attention(g, x, width, heads, bias):
    apart = g.constant([0, 0, heads, width // heads], np.int64)

    def project(order):
        return g.node("Transpose", g.node("Reshape", g.dense(x, width, width), apart), perm=order)

    query, key, value = project([0, 2, 1, 3]), project([0, 2, 3, 1]), project([0, 2, 1, 3])
    scores = g.node("Div", g.node("MatMul", query, key), g.constant(np.sqrt(width // heads), np.float32))
    mixed = g.node("MatMul", g.node("Softmax", g.node("Add", scores, bias), axis=-1), value)
    together = g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.constant([0, 0, width], np.int64))
    return g.dense(together, width, width)


def gelu(g, x):
    half = g.node("Mul", x, g.constant(0.5, np.float32))
    error = g.node("Erf", g.node("Div", x, g.constant(np.sqrt(2), np.float32)))
    return g.node("Mul", half, g.node("Add", error, g.constant(1, np.float32)))


def pool(g, x, width):
    """Mean over the tokens that the mask keeps."""
    mask = g.node("Cast", g.node("Unsqueeze", "attention_mask", g.constant([2], np.int64)), to=TensorProto.FLOAT)
    axis = g.constant([1], np.int64)
    total = g.node("ReduceSum", g.node("Mul", x, mask), axis, keepdims=0)
    g.node("Div", total, g.node("ReduceSum", mask, axis, keepdims=0), output="embedding")
    return "embedding", width


def classify(g, x, width):
    first = g.node("Gather", x, g.constant(0, np.int64), axis=1)
    pooled = g.node("Tanh", g.dense(first, width, width))
    g.node("Identity", g.dense(pooled, width, 2), output="logits")
    return "logits", 2


def encoder(path, seed, layers, width, heads, inner, head):
    g = Graph(seed)
    x = embed(g, width)
    keep = g.node("Cast", g.node("Unsqueeze", "attention_mask", g.constant([1, 2], np.int64)), to=TensorProto.FLOAT)
    bias = g.node("Mul", g.node("Sub", g.constant(1, np.float32), keep), g.constant(-1e4, np.float32))
    for _ in range(layers):
        x = g.normalise(g.node("Add", attention(g, x, width, heads, bias), x), width)
        x = g.normalise(g.node("Add", g.dense(gelu(g, g.dense(x, width, inner)), inner, width), x), width)
    name, size = head(g, x, width)
    tokens = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "length"]) for n in ("input_ids", "attention_mask")]
    g.save(path, tokens, [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])])


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    makers = {
        "mlp": mlp,
        "minilm": lambda path: encoder(path, 2, 6, 384, 12, 1536, pool),
        "bert": lambda path: encoder(path, 3, 12, 768, 12, 3072, classify),
    }
    for name, make in makers.items():
        path = folder / f"{name}.onnx"
        if not path.exists():
            make(path)
        print(name, path.stat().st_size, flush=True)


main(Path(sys.argv[1]))
