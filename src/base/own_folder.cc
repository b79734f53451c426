#include "base/own_folder.h"

#include <dlfcn.h>
#include <link.h>

namespace tenon {

std::filesystem::path own_folder() {
  std::error_code ignored;
  Dl_info info{};
  link_map* map = nullptr;
  const bool known = ::dladdr1(reinterpret_cast<void*>(&own_folder), &info, reinterpret_cast<void**>(&map),
                               RTLD_DL_LINKMAP) != 0;
  // The program itself has no name in the loader's list.
  if (known && map != nullptr && map->l_name != nullptr && *map->l_name != '\0')
    return std::filesystem::canonical(map->l_name, ignored).parent_path();
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

}  // namespace tenon
