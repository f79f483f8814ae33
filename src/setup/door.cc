// The addon's door: loads the addon proper, which lies beside it as `<name>.so`, with standard error closed while TensorFlow's libraries
// load. They greet on every start, whatever the log level says; what happens later is printed as ever.
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

#include <string>

NAPI_MODULE_INIT() {
  Dl_info self;
  dladdr(reinterpret_cast<void*>(&napi_register_module_v1), &self);
  const std::string proper = std::string(self.dli_fname) + ".so";

  const int saved = dup(STDERR_FILENO);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDERR_FILENO);
  void* library = dlopen(proper.c_str(), RTLD_NOW | RTLD_LOCAL);
  dup2(saved, STDERR_FILENO);
  close(nowhere);
  close(saved);

  if (library == nullptr) {
    napi_throw_error(env, nullptr, dlerror());
    return nullptr;
  }
  auto start = reinterpret_cast<napi_addon_register_func>(dlsym(library, "napi_register_module_v1"));
  return start(env, exports);
}
