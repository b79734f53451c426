#include "cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/help.h"

namespace tenon {
namespace {

// Text as roff shows it unchanged. A line that begins with a dot or a quote would be a request.
std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    at_start = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else {
      out += c;
    }
  }
  return out;
}

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '-');
  return name.empty() ? "tenon" : "tenon-" + name;
}

std::string head(const std::string& page, std::string_view about) {
  std::string title = page;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"tenon {}\" \"Tenon manual\"\n.SH NAME\n{} \\- {}\n", roff(title),
                     TENON_VERSION, roff(page), roff(about));
}

// `[OPTIONS] SRC DST` with the words that are to be replaced in italics.
std::string synopsis(const Command& command) {
  std::string out = fmt::format(".SH SYNOPSIS\n.B {}\n", roff("tenon " + command.name));
  if (!command.commands.empty()) return out + ".I COMMAND\n";
  out += "[\\fIOPTIONS\\fR]";
  for (const Argument& argument : command.arguments) {
    const std::string dots = argument.member.arity == Arity::kList ? "..." : "";
    const std::string name = fmt::format("\\fI{}\\fR{}", roff(argument.name), dots);
    out += argument.required ? " " + name : fmt::format(" [{}]", name);
  }
  return out + "\n";
}

std::string entry_of(const Option& option) {
  std::string out = ".TP\n";
  if (!option.letter.empty()) out += fmt::format("\\fB\\-{}\\fR, ", option.letter);
  out += fmt::format("\\fB{}\\fR", roff(option.flag()));
  if (!option.value.empty()) out += fmt::format(" \\fI{}\\fR", roff(option.value));
  out += "\n" + roff(option.about) + ".\n";
  if (!option.more.empty()) out += ".br\n" + roff(option.more) + "\n";
  return out;
}

std::string options_of_page(const Command& command) {
  std::string out = ".SH OPTIONS\n";
  for (const auto& [group, options] : grouped_options(command)) {
    out += fmt::format(".SS {}\n", roff(name_of(group)));
    for (const Option* option : options) out += entry_of(*option);
  }
  return out;
}

std::string list_of_pages(const std::vector<Command>& commands) {
  std::string out = ".SH COMMANDS\n";
  for (const Command& command : commands) {
    if (command.hidden) continue;
    out += fmt::format(".TP\n\\fB{}\\fR(1)\n{}.\n", roff(dashed(command.name)), roff(command.about));
  }
  return out;
}

constexpr const char* kEnvironment = R"(.SH ENVIRONMENT
.TP
.B TENON_RULES
Rule libraries of one's own, with colons between, before the one that came with tenon and behind those of
\fB\-\-rules\-dir\fR.
.TP
.B TENON_CUDA_MODULE
The CUDA module of parity, where it is not beside the program.
.TP
.BR NO_COLOR ", " FORCE_COLOR ", " CLICOLOR_FORCE
No colour, or colour even where messages do not go to a terminal.
)";

constexpr const char* kFiles = R"(.SH FILES
.TP
.I tenon.yaml
A project's options, in the current folder or one above it; \fB\-\-no\-project\fR leaves them out.
)";

constexpr const char* kExitStatus = R"(.SH EXIT STATUS
.TP
.B 0
Done, and all checks hold.
.TP
.B 1
A check found something.
.TP
.B 2
The input is wrong: arguments, rules, a malformed checkpoint.
.TP
.B 3
The system failed, or tenon itself.
.TP
.B 130
Stopped by Ctrl\-C (128 and the signal).
)";

}  // namespace

std::string man_page(const std::vector<Command>& commands) {
  const Command root{.name = "", .about = kAboutTenon};
  return head("tenon", "convert model checkpoints between layouts, and prove that nothing changed") +
         ".SH SYNOPSIS\n.B tenon\n.I COMMAND\n[\\fIOPTIONS\\fR] ...\n.SH DESCRIPTION\n" + roff(kAboutTenon) +
         "\n" + list_of_pages(commands) + options_of_page(root) + kEnvironment + kFiles + kExitStatus;
}

std::string man_page(const Command& command) {
  std::string out = head(dashed(command.name), command.about) + synopsis(command);
  out += ".SH DESCRIPTION\n" + roff(command.about) + ".\n";
  for (const Argument& argument : command.arguments)
    out += fmt::format(".TP\n\\fI{}\\fR\n{}.\n", roff(argument.name), roff(argument.about));
  if (!command.commands.empty()) out += list_of_pages(command.commands);
  out += options_of_page(command) + kExitStatus;
  if (!command.examples.empty()) out += ".SH EXAMPLES\n.nf\n" + roff(command.examples) + "\n.fi\n";
  return out + ".SH SEE ALSO\n.BR tenon (1)\n";
}

}  // namespace tenon
