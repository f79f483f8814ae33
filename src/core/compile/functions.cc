// The native half of `compile`: tfjs's own binding, in whose context graphs are built operation by operation and registered as functions.
// TensorFlow infers the shapes and types on the way, so nothing has to run. An error of TensorFlow is thrown as a JavaScript Error.
#include <node_api.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"
#include "tensorflow/c/eager/c_api_experimental.h"

// The backend keeps its context to itself.
#define private public
#include "binding/tfjs_backend.h"
#undef private
#include "binding/tfjs_backend.cc"
#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "binding/tfjs_binding.cc"

namespace {

struct Graph {
  TF_Graph* graph = TF_NewGraph();
  std::vector<TF_Operation*> operations;
  ~Graph() { TF_DeleteGraph(graph); }
};

std::unordered_map<int32_t, std::unique_ptr<Graph>> graphs;
int32_t next_graph = 0;

struct Status {
  TF_Status* value = TF_NewStatus();
  ~Status() { TF_DeleteStatus(value); }
  void check() const {
    if (TF_GetCode(value) != TF_OK) throw std::runtime_error(TF_Message(value));
  }
};

// A JavaScript value with the few readings that are needed here.
struct Value {
  napi_env env;
  napi_value value;

  Value at(uint32_t i) const {
    napi_value found;
    napi_get_element(env, value, i, &found);
    return {env, found};
  }
  Value get(const char* name) const {
    napi_value found;
    napi_get_named_property(env, value, name, &found);
    return {env, found};
  }
  uint32_t length() const {
    uint32_t found = 0;
    napi_get_array_length(env, value, &found);
    return found;
  }
  bool isArray() const {
    bool found = false;
    napi_is_array(env, value, &found);
    return found;
  }
  int64_t integer() const {
    int64_t found = 0;
    if (napi_get_value_int64(env, value, &found) != napi_ok) throw std::runtime_error("functions: expected a number");
    return found;
  }
  double number() const {
    double found = 0;
    napi_get_value_double(env, value, &found);
    return found;
  }
  bool boolean() const {
    bool found = false;
    napi_get_value_bool(env, value, &found);
    return found;
  }
  std::string text() const {
    size_t size = 0;
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) throw std::runtime_error("functions: expected a string");
    std::string found(size, '\0');
    napi_get_value_string_utf8(env, value, &found[0], size + 1, &size);
    return found;
  }
  std::vector<int64_t> integers() const {
    std::vector<int64_t> found;
    for (uint32_t i = 0; i < length(); i++) found.push_back(at(i).integer());
    return found;
  }
};

napi_value numberOf(napi_env env, double number) {
  napi_value made;
  napi_create_double(env, number, &made);
  return made;
}

Graph& graphOf(const Value& id) {
  auto found = graphs.find(static_cast<int32_t>(id.integer()));
  if (found == graphs.end()) throw std::runtime_error("functions: no such graph");
  return *found->second;
}

// `[operation, output]`.
TF_Output outputOf(const Graph& graph, const Value& pair) {
  return {graph.operations.at(pair.at(0).integer()), static_cast<int>(pair.at(1).integer())};
}

void setAttribute(TF_OperationDescription* description, const Value& attribute) {
  const std::string name = attribute.get("name").text();
  const Value value = attribute.get("value");
  const bool list = value.isArray();
  switch (attribute.get("type").integer()) {
    case TF_ATTR_STRING: {
      const std::string text = value.text();
      return TF_SetAttrString(description, name.c_str(), text.data(), text.size());
    }
    case TF_ATTR_INT: {
      if (!list) return TF_SetAttrInt(description, name.c_str(), value.integer());
      const auto values = value.integers();
      return TF_SetAttrIntList(description, name.c_str(), values.data(), static_cast<int>(values.size()));
    }
    case TF_ATTR_FLOAT:
      return TF_SetAttrFloat(description, name.c_str(), static_cast<float>(value.number()));
    case TF_ATTR_BOOL:
      return TF_SetAttrBool(description, name.c_str(), value.boolean());
    case TF_ATTR_TYPE:
      return TF_SetAttrType(description, name.c_str(), static_cast<TF_DataType>(value.integer()));
    case TF_ATTR_SHAPE: {
      const auto shape = value.integers();
      return TF_SetAttrShape(description, name.c_str(), shape.data(), static_cast<int>(shape.size()));
    }
    default:
      throw std::runtime_error("functions: attribute " + name + " is of a kind that is not supported");
  }
}

// `{index, outputs: [{dtype, shape}]}` of a finished operation. A size that TensorFlow does not know is -1, an unknown rank null.
napi_value described(napi_env env, Graph& graph, TF_Operation* operation) {
  Status status;
  napi_value made, outputs;
  napi_create_object(env, &made);
  napi_set_named_property(env, made, "index", numberOf(env, static_cast<double>(graph.operations.size())));
  graph.operations.push_back(operation);
  const int count = TF_OperationNumOutputs(operation);
  napi_create_array_with_length(env, count, &outputs);
  for (int i = 0; i < count; i++) {
    const TF_Output output{operation, i};
    napi_value info, shape;
    napi_create_object(env, &info);
    napi_set_named_property(env, info, "dtype", numberOf(env, TF_OperationOutputType(output)));
    const int rank = TF_GraphGetTensorNumDims(graph.graph, output, status.value);
    status.check();
    if (rank < 0) {
      napi_get_null(env, &shape);
    } else {
      std::vector<int64_t> sizes(rank);
      TF_GraphGetTensorShape(graph.graph, output, sizes.data(), rank, status.value);
      status.check();
      napi_create_array_with_length(env, rank, &shape);
      for (int d = 0; d < rank; d++) napi_set_element(env, shape, d, numberOf(env, static_cast<double>(sizes[d])));
    }
    napi_set_named_property(env, info, "shape", shape);
    napi_set_element(env, outputs, i, info);
  }
  napi_set_named_property(env, made, "outputs", outputs);
  return made;
}

std::string freshName(const Graph& graph) { return "n" + std::to_string(graph.operations.size()); }

napi_value newGraph(napi_env env, const std::vector<Value>&) {
  graphs[next_graph] = std::make_unique<Graph>();
  return numberOf(env, next_graph++);
}

napi_value deleteGraph(napi_env, const std::vector<Value>& arguments) {
  graphs.erase(static_cast<int32_t>(arguments[0].integer()));
  return nullptr;
}

// (graph, dtype, shape): an argument of the function.
napi_value addInput(napi_env env, const std::vector<Value>& arguments) {
  Graph& graph = graphOf(arguments[0]);
  Status status;
  TF_OperationDescription* description = TF_NewOperation(graph.graph, "Placeholder", freshName(graph).c_str());
  TF_SetAttrType(description, "dtype", static_cast<TF_DataType>(arguments[1].integer()));
  const auto shape = arguments[2].integers();
  TF_SetAttrShape(description, "shape", shape.data(), static_cast<int>(shape.size()));
  TF_Operation* operation = TF_FinishOperation(description, status.value);
  status.check();
  return described(env, graph, operation);
}

// (graph, dtype, shape, typed array): a value that is part of the function.
napi_value addConstant(napi_env env, const std::vector<Value>& arguments) {
  Graph& graph = graphOf(arguments[0]);
  const auto dtype = static_cast<TF_DataType>(arguments[1].integer());
  const auto shape = arguments[2].integers();
  napi_typedarray_type kind;
  size_t length, offset;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env, arguments[3].value, &kind, &length, &data, &buffer, &offset) != napi_ok)
    throw std::runtime_error("functions: expected a typed array");
  size_t bytes = TF_DataTypeSize(dtype);
  for (int64_t size : shape) bytes *= size;
  const size_t width = kind == napi_float32_array || kind == napi_int32_array ? 4 : 1;
  if (width * length != bytes) throw std::runtime_error("functions: expected as many bytes as the shape has");
  TF_Tensor* tensor = TF_AllocateTensor(dtype, shape.data(), static_cast<int>(shape.size()), bytes);
  memcpy(TF_TensorData(tensor), data, bytes);
  Status status;
  TF_OperationDescription* description = TF_NewOperation(graph.graph, "Const", freshName(graph).c_str());
  TF_SetAttrType(description, "dtype", dtype);
  TF_SetAttrTensor(description, "value", tensor, status.value);
  TF_DeleteTensor(tensor);
  TF_Operation* operation = TF_FinishOperation(description, status.value);
  status.check();
  return described(env, graph, operation);
}

// (graph, name, attributes as `executeOp` takes them, inputs: each `[operation, output]` or a list of such, operations to wait for).
napi_value addOperation(napi_env env, const std::vector<Value>& arguments) {
  Graph& graph = graphOf(arguments[0]);
  Status status;
  TF_OperationDescription* description = TF_NewOperation(graph.graph, arguments[1].text().c_str(), freshName(graph).c_str());
  const Value& inputs = arguments[3];
  for (uint32_t i = 0; i < inputs.length(); i++) {
    const Value input = inputs.at(i);
    if (!input.at(0).isArray()) {
      TF_AddInput(description, outputOf(graph, input));
      continue;
    }
    std::vector<TF_Output> list;
    for (uint32_t j = 0; j < input.length(); j++) list.push_back(outputOf(graph, input.at(j)));
    TF_AddInputList(description, list.data(), static_cast<int>(list.size()));
  }
  for (int64_t waited : arguments[4].integers()) TF_AddControlInput(description, graph.operations.at(waited));
  for (uint32_t i = 0; i < arguments[2].length(); i++) setAttribute(description, arguments[2].at(i));
  TF_Operation* operation = TF_FinishOperation(description, status.value);
  status.check();
  return described(env, graph, operation);
}

// (graph, name, inputs, outputs): makes the graph a function that `executeOp` knows by its name.
napi_value addFunction(napi_env env, const std::vector<Value>& arguments) {
  Graph& graph = graphOf(arguments[0]);
  const std::string name = arguments[1].text();
  std::vector<TF_Output> inputs, outputs;
  for (uint32_t i = 0; i < arguments[2].length(); i++) inputs.push_back(outputOf(graph, arguments[2].at(i)));
  for (uint32_t i = 0; i < arguments[3].length(); i++) outputs.push_back(outputOf(graph, arguments[3].at(i)));
  Status status;
  TF_Function* function =
      TF_GraphToFunction(graph.graph, name.c_str(), 0, -1, nullptr, static_cast<int>(inputs.size()), inputs.data(),
                         static_cast<int>(outputs.size()), outputs.data(), nullptr, nullptr, nullptr, status.value);
  status.check();
  tfnodejs::TFJSBackend* backend;
  napi_get_instance_data(env, reinterpret_cast<void**>(&backend));
  TFE_ContextAddFunction(backend->tfe_context_, function, status.value);
  TF_DeleteFunction(function);
  status.check();
  return nullptr;
}

napi_value removeFunction(napi_env env, const std::vector<Value>& arguments) {
  tfnodejs::TFJSBackend* backend;
  napi_get_instance_data(env, reinterpret_cast<void**>(&backend));
  Status status;
  TFE_ContextRemoveFunction(backend->tfe_context_, arguments[0].text().c_str(), status.value);
  status.check();
  return nullptr;
}

// Cancels what runs from the moment that another thread sets `*wish`; looks 50 times a second.
class Watch {
 public:
  Watch(const int32_t* wish, TFE_CancellationManager* manager) {
    if (wish == nullptr) return;
    thread_ = std::thread([this, wish, manager] {
      std::unique_lock<std::mutex> lock(mutex_);
      while (!ended_.wait_for(lock, std::chrono::milliseconds(20), [this] { return done_; })) {
        if (__atomic_load_n(wish, __ATOMIC_ACQUIRE) == 0) continue;
        TFE_CancellationManagerStartCancel(manager);
        return;
      }
    });
  }
  ~Watch() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    ended_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::thread thread_;
};

// (name, attributes, inputs: ids, outputs: their number, wish: Int32Array or undefined): as `executeOp`, but ends early, with an error, once
// wish[0] is not 0.
napi_value runFunction(napi_env env, const std::vector<Value>& arguments) {
  tfnodejs::TFJSBackend* backend;
  napi_get_instance_data(env, reinterpret_cast<void**>(&backend));
  Status status;
  std::unique_ptr<TFE_Op, decltype(&TFE_DeleteOp)> operation(TFE_NewOp(backend->tfe_context_, arguments[0].text().c_str(), status.value), TFE_DeleteOp);
  status.check();
  for (int64_t id : arguments[2].integers()) {
    const auto found = backend->tfe_handle_map_.find(static_cast<int32_t>(id));
    if (found == backend->tfe_handle_map_.end()) throw std::runtime_error("functions: an input is disposed");
    TFE_OpAddInput(operation.get(), found->second, status.value);
    status.check();
  }
  for (uint32_t i = 0; i < arguments[1].length(); i++) tfnodejs::AssignOpAttr(env, operation.get(), arguments[1].at(i).value);
  void* wish = nullptr;
  napi_get_typedarray_info(env, arguments[4].value, nullptr, nullptr, &wish, nullptr, nullptr);
  std::unique_ptr<TFE_CancellationManager, decltype(&TFE_DeleteCancellationManager)> manager(TFE_NewCancellationManager(), TFE_DeleteCancellationManager);
  TFE_OpSetCancellationManager(operation.get(), manager.get(), status.value);
  status.check();
  std::vector<TFE_TensorHandle*> handles(arguments[3].integer(), nullptr);
  int count = static_cast<int>(handles.size());
  {
    Watch watch(static_cast<const int32_t*>(wish), manager.get());
    TFE_Execute(operation.get(), handles.data(), &count, status.value);
  }
  status.check();
  napi_value made;
  napi_create_array_with_length(env, count, &made);
  for (int i = 0; i < count; i++) napi_set_element(env, made, i, backend->GenerateOutputTensorInfo(env, handles[i]));
  return made;
}

using Action = napi_value (*)(napi_env, const std::vector<Value>&);

// Runs an action with its arguments; what it throws is thrown in JavaScript.
template <Action action>
napi_value called(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value given[5];
  napi_get_cb_info(env, info, &count, given, nullptr, nullptr);
  std::vector<Value> arguments;
  for (size_t i = 0; i < 5; i++) arguments.push_back({env, given[i]});
  try {
    return action(env, arguments);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value made = tfnodejs::InitTFNodeJSBinding(env, exports);
  const std::pair<const char*, napi_callback> functions[] = {
      {"newGraph", called<newGraph>},         {"deleteGraph", called<deleteGraph>},   {"addInput", called<addInput>},
      {"addConstant", called<addConstant>},   {"addOperation", called<addOperation>}, {"addFunction", called<addFunction>},
      {"removeFunction", called<removeFunction>}, {"runFunction", called<runFunction>},
  };
  for (const auto& [name, function] : functions) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, made, name, value);
  }
  return made;
}
