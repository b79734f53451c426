// The Python module tenon._native: include/tenon/ as Python sees it, and the program. python/tenon/ makes a
// package of it: names, defaults and documentation are there.
//
// A task runs on a thread of its own. The one that asked waits without the interpreter's lock, and takes it
// every now and then to hand on what there is to tell and to hear of Ctrl-C: callbacks run where the task was
// asked for, and an exception of theirs stops it.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <tenon/tenon.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "cli/run.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

struct Step {
  std::string stage;
  std::uint64_t done;
  std::uint64_t total;
};
using Event = std::variant<tenon::Diagnostic, Step>;

// What a task says, until the thread that waits for it takes it.
class Queue : public tenon::Observer {
 public:
  void note(const tenon::Diagnostic& diagnostic) override { push(diagnostic); }
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total) override {
    push(Step{std::string(stage), done, total});
  }
  bool stopped() const override {
    const std::lock_guard lock(mutex_);
    return stop_;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  // Everything there is, after the task's end or a short while; true at the end.
  bool take(std::deque<Event>& events) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(50), [&] { return finished_; });
    events = std::exchange(events_, {});
    return finished_;
  }

 private:
  // Of a stage's steps the last says all.
  void push(Event event) {
    const std::lock_guard lock(mutex_);
    const Step* const step = std::get_if<Step>(&event);
    Step* const last = events_.empty() ? nullptr : std::get_if<Step>(&events_.back());
    if (step != nullptr && last != nullptr && last->stage == step->stage) {
      *last = *step;
    } else {
      events_.push_back(std::move(event));
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  bool stop_ = false;
  bool finished_ = false;
};

void deliver(const std::deque<Event>& events, const nb::object& note, const nb::object& progress) {
  for (const Event& event : events) {
    if (const auto* step = std::get_if<Step>(&event)) {
      if (!progress.is_none()) progress(step->stage, step->done, step->total);
    } else if (!note.is_none()) {
      note(std::get<tenon::Diagnostic>(event));
    }
  }
}

template <typename Task>
auto watched(const nb::object& note, const nb::object& progress, const Task& task) {
  using Result = std::invoke_result_t<Task, tenon::Observer&>;
  Queue queue;
  std::optional<Result> result;
  std::exception_ptr failed;
  std::exception_ptr thrown;  // by Python, which comes first
  std::thread worker([&] {
    try {
      result.emplace(task(queue));
    } catch (...) {
      failed = std::current_exception();
    }
    queue.finish();
  });
  {
    const nb::gil_scoped_release release;
    for (bool finished = false; !finished;) {
      std::deque<Event> events;
      finished = queue.take(events);
      const nb::gil_scoped_acquire acquire;
      try {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (!thrown) deliver(events, note, progress);
      } catch (...) {
        if (!thrown) thrown = std::current_exception();
        queue.stop();
      }
    }
    worker.join();
  }
  if (thrown) std::rethrow_exception(thrown);
  if (failed) std::rethrow_exception(failed);
  return std::move(*result);
}

using Texts = std::vector<std::pair<std::string, std::string>>;

template <typename Options>
Options options_of(const Texts& texts) {
  Options options;
  for (const auto& [name, text] : texts) tenon::set(options, name, text);
  return options;
}

nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> array_of(std::vector<std::byte> bytes) {
  auto* const held = new std::vector<std::byte>(std::move(bytes));
  const nb::capsule owner(held, [](void* p) noexcept { delete static_cast<std::vector<std::byte>*>(p); });
  return {reinterpret_cast<std::uint8_t*>(held->data()), {held->size()}, owner};
}

template <typename From>
auto read_of(const From& from, const std::string& key) {
  std::vector<std::byte> bytes;
  {
    const nb::gil_scoped_release release;
    bytes = from.read(key);
  }
  return array_of(std::move(bytes));
}

nb::object parsed(const std::string& json) {
  return nb::module_::import_("json").attr("loads")(json);
}

std::string html_of(const std::string& text) {
  std::string out = "<pre>";
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out + "</pre>";
}

// Every result: the text of the command, its document, and a notebook's view.
template <typename Result>
nb::class_<Result> bind_result(nb::module_& module, const char* name, const char* about) {
  nb::class_<Result> bound(module, name, about);
  bound.def_ro("text", &Result::text, "What the command prints.")
      .def_ro("json", &Result::json, "The document that the command prints with --json (docs/json.md).")
      .def(
          "to_dict", [](const Result& result) { return nb::cast<nb::dict>(parsed(result.json)); },
          "The document, parsed.")
      .def("__repr__", [](const Result& result) { return result.text; })
      .def("_repr_html_", [](const Result& result) { return html_of(result.text); });
  return bound;
}

const char* layout_name(tenon::Layout layout) {
  return layout == tenon::Layout::kFused ? "fused" : "original";
}

void bind_basics(nb::module_& m) {
  using tenon::Diagnostic;
  nb::class_<Diagnostic>(m, "Diagnostic",
                         "One thing to tell, with its place. Absent parts are empty, 0 or None.")
      .def_prop_ro(
          "level",
          [](const Diagnostic& d) {
            return d.severity == tenon::Severity::kError     ? "error"
                   : d.severity == tenon::Severity::kWarning ? "warning"
                                                             : "note";
          },
          "'error', 'warning' or 'note'.")
      .def_ro("id", &Diagnostic::id, "Stable: 'plan-key-lost'. tenon.explain_error() has each.")
      .def_ro("file", &Diagnostic::file, "The path as it was given.")
      .def_ro("line", &Diagnostic::line, "From 1; 0: unknown.")
      .def_ro("column", &Diagnostic::column, "From 1, in bytes; 0: unknown.")
      .def_ro("offset", &Diagnostic::offset, "Of a byte in a binary file.")
      .def_ro("key", &Diagnostic::key, "A tensor, a member of a JSON file, an option.")
      .def_ro("message", &Diagnostic::message, "What is wrong.")
      .def_ro("hint", &Diagnostic::hint, "What to do.")
      .def_ro("more", &Diagnostic::more, "In how many places more the same is wrong.")
      .def_ro("text", &Diagnostic::text, "All of it, as the program prints it.")
      .def("__repr__", [](const Diagnostic& d) { return d.text; });
  using tenon::TensorInfo;
  nb::class_<TensorInfo>(m, "TensorInfo", "A tensor of a checkpoint, or one that a plan would write.")
      .def_ro("key", &TensorInfo::key, "Its full name.")
      .def_ro("dtype", &TensorInfo::dtype, "As safetensors writes it: 'BF16', 'F8_E4M3'.")
      .def_prop_ro(
          "shape", [](const TensorInfo& t) { return nb::tuple(nb::cast(t.shape)); },
          nb::sig("def shape(self, /) -> tuple[int, ...]"), "In elements, outermost first.")
      .def_ro("bytes", &TensorInfo::bytes, "Of its data.")
      .def_ro("file", &TensorInfo::file, "The shard that holds it, or will.")
      .def("__repr__", [](const TensorInfo& t) {
        std::string shape;
        for (const auto extent : t.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
        return t.key + " " + t.dtype + " [" + shape + "]";
      });
  using tenon::Fate;
  nb::class_<Fate>(m, "Fate", "What becomes of a tensor of the source.")
      .def_ro("key", &Fate::key, "Of the source.")
      .def_ro("what", &Fate::what, "'passed', 'renamed', 'converted' or 'dropped'.")
      .def_ro("output", &Fate::output,
              "The output that holds it, the first of several; '' where it is dropped.")
      .def_ro("reason", &Fate::reason, "Of a dropped one.")
      .def("__repr__", [](const Fate& f) { return f.key + " " + f.what + " " + f.output; });
}

void bind_results(nb::module_& m) {
  using namespace tenon;
  bind_result<ConvertResult>(m, "ConvertResult", "A conversion that was made.")
      .def_ro("source", &ConvertResult::source)
      .def_ro("destination", &ConvertResult::destination)
      .def_prop_ro(
          "to", [](const ConvertResult& r) { return layout_name(r.to); }, "'fused' or 'original'.")
      .def_ro("rules", &ConvertResult::rules, "Names of the rule files, families too.")
      .def_ro("source_tensors", &ConvertResult::source_tensors)
      .def_ro("output_tensors", &ConvertResult::output_tensors)
      .def_ro("shards", &ConvertResult::shards)
      .def_ro("bytes", &ConvertResult::bytes, "Of all output tensors.")
      .def_ro("bytes_written", &ConvertResult::bytes_written, "Less with resume.")
      .def_ro("seconds", &ConvertResult::seconds)
      .def_ro("verified", &ConvertResult::verified, "With verify: read again and compared with the source.")
      .def_ro("findings", &ConvertResult::findings,
              "Of that: what differs; the destination was not made then.")
      .def_ro("timings", &ConvertResult::timings, "Seconds of each step.");
  nb::class_<BatchJobResult>(m, "BatchJobResult", "One job of a batch.")
      .def_ro("name", &BatchJobResult::name)
      .def_ro("source", &BatchJobResult::source)
      .def_ro("destination", &BatchJobResult::destination)
      .def_ro("result", &BatchJobResult::result,
              "'done', 'done before', 'planned', 'failed', 'interrupted' or 'not run'.")
      .def_ro("seconds", &BatchJobResult::seconds)
      .def_ro("error", &BatchJobResult::error, "Of a failed one: every message, as lines.");
  bind_result<BatchResult>(m, "BatchResult", "What became of the jobs of a batch file.")
      .def_ro("jobs", &BatchResult::jobs)
      .def_ro("holds", &BatchResult::holds, "None failed and all were run.")
      .def_ro("interrupted", &BatchResult::interrupted)
      .def_ro("junit", &BatchResult::junit, "JUnit XML.");
  nb::class_<VerifyResult::Finding>(m, "Finding", "Something that is not as it was.")
      .def_ro("key", &VerifyResult::Finding::key, "Of a tensor, or a file's name.")
      .def_ro("what", &VerifyResult::Finding::what)
      .def("__repr__", [](const VerifyResult::Finding& f) { return f.key + ": " + f.what; });
  bind_result<VerifyResult>(m, "VerifyResult", "A converted folder, checked.")
      .def_ro("tensors", &VerifyResult::tensors)
      .def_ro("side_files", &VerifyResult::side_files)
      .def_ro("bytes", &VerifyResult::bytes, "Read.")
      .def_ro("findings", &VerifyResult::findings)
      .def_ro("holds", &VerifyResult::holds, "Nothing was found.");
  bind_result<DiffResult>(m, "DiffResult", "Two checkpoints, compared.")
      .def_ro("tensors_in_both", &DiffResult::tensors_in_both)
      .def_ro("bytes_compared", &DiffResult::bytes_compared)
      .def_ro("renamed", &DiffResult::renamed, "Other names, the same dtype, shape and bytes.")
      .def_ro("only_in_a", &DiffResult::only_in_a)
      .def_ro("only_in_b", &DiffResult::only_in_b)
      .def_ro("headers_differ", &DiffResult::headers_differ, "Keys whose dtype or shape differs.")
      .def_ro("bytes_differ", &DiffResult::bytes_differ, "Keys of the same dtype and shape.")
      .def_ro("same", &DiffResult::same);
  nb::class_<ModuleParity>(m, "ModuleParity", "One module and its five checks.")
      .def_ro("path", &ModuleParity::path, "In the fused layout.")
      .def_ro("claims", &ModuleParity::claims, "What of it is compared.")
      .def_ro("holds", &ModuleParity::holds)
      .def_ro("bytes", &ModuleParity::bytes, "The fused weights are what the plan makes.")
      .def_ro("bitwise", &ModuleParity::bitwise,
              "Both sides agree bit for bit in a fixed order of summation.")
      .def_ro("bounded", &ModuleParity::bounded, "Both stay within the bound of rounding errors.")
      .def_ro("no_worse", &ModuleParity::no_worse, "The fused side's error is not larger than is allowed.")
      .def_ro("power", &ModuleParity::power, "The checks find planted mistakes.");
  bind_result<ParityResult>(m, "ParityResult", "Whether fused modules compute what the original ones do.")
      .def_ro("holds", &ParityResult::holds, "For all modules that were compared.")
      .def_ro("covers", &ParityResult::covers, "Nothing moves that was not compared.")
      .def_ro("modules", &ParityResult::modules)
      .def_ro("changed_bytes", &ParityResult::changed_bytes, "Of fused tensors whose elements move.")
      .def_ro("changed_compared", &ParityResult::changed_compared, "Those of them that programs read.")
      .def_ro("backend", &ParityResult::backend, "'cpu' or 'cuda'.")
      .def_ro("seconds", &ParityResult::seconds)
      .def_ro("html", &ParityResult::html, "report.html.")
      .def_ro("junit", &ParityResult::junit, "JUnit XML.");
  bind_result<LintResult>(m, "LintResult", "What is wrong, or about to go wrong, in rule files.")
      .def_ro("files", &LintResult::files, "How many were checked.")
      .def_ro("findings", &LintResult::findings)
      .def_ro("fails", &LintResult::fails, "There are errors, or with strict warnings.")
      .def_ro("sarif", &LintResult::sarif, "SARIF 2.1.0.");
  bind_result<KeyExplanation>(m, "KeyExplanation", "What was done with a key, there and back.")
      .def_ro("results", &KeyExplanation::results, "The keys that hold its elements on the other side.")
      .def_ro("made_of", &KeyExplanation::made_of, "Of an output: the source's keys.");
  nb::class_<RuleEntry>(m, "RuleEntry", "A rule file of the library.")
      .def_ro("name", &RuleEntry::name)
      .def_ro("about", &RuleEntry::about)
      .def_ro("model_types", &RuleEntry::model_types)
      .def_ro("architectures", &RuleEntry::architectures)
      .def("__repr__", [](const RuleEntry& r) { return r.name + ": " + r.about; });
  nb::class_<RuleLibrary>(m, "RuleLibrary", "The rule library.")
      .def_ro("folder", &RuleLibrary::folder)
      .def_ro("models", &RuleLibrary::models)
      .def_ro("families", &RuleLibrary::families, "Fusion families: convert(..., fuse=[...]).")
      .def("to_dict", [](const RuleLibrary& r) { return nb::cast<nb::dict>(parsed(r.json)); })
      .def("__repr__", [](const RuleLibrary& r) {
        return r.folder + ": " + std::to_string(r.models.size()) + " models, " +
               std::to_string(r.families.size()) + " families";
      });
  nb::class_<Draft>(m, "Draft", "A first draft of a rule file.")
      .def_ro("rule_file", &Draft::rule_file, "YAML.")
      .def_ro("unexplained", &Draft::unexplained, "Kinds of fused keys that it does not make.")
      .def_ro("left_over", &Draft::left_over, "Kinds of original keys that it does not use.")
      .def("__repr__", [](const Draft& d) { return d.rule_file; });
  nb::class_<BuildFacts>(m, "BuildFacts", "What this tenon is.")
      .def_ro("version", &BuildFacts::version)
      .def_ro("commit", &BuildFacts::commit)
      .def_ro("compiler", &BuildFacts::compiler)
      .def_ro("parts", &BuildFacts::parts)
      .def_ro("rules", &BuildFacts::rules)
      .def_ro("cuda", &BuildFacts::cuda);
}

void bind_handles(nb::module_& m) {
  using tenon::Checkpoint;
  using tenon::Plan;
  nb::class_<Checkpoint>(m, "Checkpoint")
      .def_prop_ro("tensors", &Checkpoint::tensors)
      .def_prop_ro("config", &Checkpoint::config)
      .def_prop_ro("total_bytes", &Checkpoint::total_bytes)
      .def_prop_ro("warnings", &Checkpoint::warnings)
      .def("read", &read_of<Checkpoint>, "key"_a)
      .def("text", &Checkpoint::text)
      .def("json", &Checkpoint::json);
  nb::class_<Plan>(m, "Plan")
      .def_prop_ro("to", [](const Plan& plan) { return layout_name(plan.to()); })
      .def_prop_ro("outputs", &Plan::outputs)
      .def_prop_ro("fates", &Plan::fates)
      .def_prop_ro("notes", &Plan::notes)
      .def_prop_ro("hash", &Plan::hash)
      .def("read", &read_of<Plan>, "key"_a)
      .def("explain", &Plan::explain, "key"_a)
      .def("text", &Plan::text)
      .def("json", &Plan::json)
      .def("golden", &Plan::golden)
      .def("snapshot", &Plan::snapshot);
}

void bind_functions(nb::module_& m) {
  using namespace tenon;
  using Call = const nb::object&;
  m.def(
      "convert",
      [](const std::string& source, const std::string& destination, const Texts& options, Call note,
         Call progress) {
        const auto parsed_options = options_of<ConvertOptions>(options);
        return watched(note, progress, [&](Observer& observer) {
          return convert(source, destination, parsed_options, observer);
        });
      },
      "source"_a, "destination"_a, "options"_a, "note"_a.none(), "progress"_a.none());
  m.def(
      "batch",
      [](const std::string& file, const Texts& options, Call note, Call progress) {
        const auto parsed_options = options_of<BatchOptions>(options);
        return watched(note, progress,
                       [&](Observer& observer) { return batch(file, parsed_options, observer); });
      },
      "file"_a, "options"_a, "note"_a.none(), "progress"_a.none());
  m.def(
      "verify",
      [](const std::string& folder, const Texts& options, Call note, Call progress) {
        const auto parsed_options = options_of<VerifyOptions>(options);
        return watched(note, progress,
                       [&](Observer& observer) { return verify(folder, parsed_options, observer); });
      },
      "folder"_a, "options"_a, "note"_a.none(), "progress"_a.none());
  m.def(
      "diff",
      [](const std::string& a, const std::string& b, const Texts& options, Call note, Call progress) {
        const auto parsed_options = options_of<DiffOptions>(options);
        return watched(note, progress,
                       [&](Observer& observer) { return diff(a, b, parsed_options, observer); });
      },
      "a"_a, "b"_a, "options"_a, "note"_a.none(), "progress"_a.none());
  m.def(
      "parity",
      [](const std::string& original, const std::string& fused, const Texts& options, Call note,
         Call progress) {
        const auto parsed_options = options_of<ParityOptions>(options);
        return watched(note, progress,
                       [&](Observer& observer) { return parity(original, fused, parsed_options, observer); });
      },
      "original"_a, "fused"_a, "options"_a, "note"_a.none(), "progress"_a.none());
  m.def(
      "plan",
      [](const std::string& source, const Texts& options, Call note) {
        const auto parsed_options = options_of<PlanOptions>(options);
        return watched(note, nb::none(),
                       [&](Observer& observer) { return Plan::make(source, parsed_options, observer); });
      },
      "source"_a, "options"_a, "note"_a.none());
  m.def(
      "inspect",
      [](const std::string& path, const Texts& options) {
        const auto parsed_options = options_of<InspectOptions>(options);
        const nb::gil_scoped_release release;
        return Checkpoint::open(path, parsed_options);
      },
      "path"_a, "options"_a);
  m.def(
      "lint",
      [](const std::vector<std::string>& rules, const Texts& options) {
        const auto parsed_options = options_of<LintOptions>(options);
        const nb::gil_scoped_release release;
        return lint(rules, parsed_options);
      },
      "rules"_a, "options"_a);
  m.def(
      "rules", [](const Texts& options) { return rule_library(options_of<RulesListOptions>(options)); },
      "options"_a);
  m.def(
      "scaffold",
      [](const std::string& original, const std::string& fused, const std::string& name) {
        const nb::gil_scoped_release release;
        return scaffold(original, fused, name);
      },
      "original"_a, "fused"_a, "name"_a);
  m.def("explain_error", &explain, "id"_a);
  m.def("version", &version);
  m.def("build_facts", &build_facts);
  m.def(
      "main",
      [](std::vector<std::string> words) {
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const nb::gil_scoped_release release;
        return tenon::run_program(static_cast<int>(words.size()), argv.data());
      },
      "argv"_a);
}

// As the exceptions of tenon._errors.
void translate(const std::exception_ptr& thrown, void* /*payload*/) {
  const auto raise = [](const char* maker, auto&&... arguments) {
    const nb::object error = nb::module_::import_("tenon._errors").attr(maker)(arguments...);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
  };
  try {
    std::rethrow_exception(thrown);
  } catch (const tenon::UserError& error) {
    raise("user_error", std::string(error.what()), error.diagnostics());
  } catch (const tenon::SystemError& error) {
    raise("system_error", std::string(error.what()), error.id(), error.path(), error.error_number());
  } catch (const tenon::Interrupted&) {
    PyErr_SetNone(PyExc_KeyboardInterrupt);
  }
}

}  // namespace

NB_MODULE(_native, m) {
  nb::register_exception_translator(translate);
  bind_basics(m);
  bind_results(m);
  bind_handles(m);
  bind_functions(m);
}
