// mla top from its first screen to its last.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "top/recording_pane.h"
#include "top/workers_model.h"
#include "top/workers_view.h"

namespace mla {

struct TopOptions {
  std::string recording;  // a file or a pid; empty: `name`
  std::string name;       // of processes, as mla watch takes it
  double interval_s = 1;
  bool utf8 = true;
  bool colour = true;
};

class TopSession {
 public:
  // Throws Error.
  explicit TopSession(TopOptions options);

  // Until it is quit. Throws Error where there is no terminal to do it on.
  void run();

  // One screen without the keys, for where there is no terminal.
  std::vector<Line> once(ScreenSize size);

 private:
  void refresh(double now_s);
  void follow(double now_s);
  void open_worker();
  // False: quit.
  bool press(const KeyPress& key);
  void press_in_list(const KeyPress& key);
  std::vector<Line> lines(ScreenSize size);
  WorkersScreen workers_screen() const;

  TopOptions options_;
  std::unique_ptr<WorkersModel> workers_;  // null: one recording
  std::unique_ptr<RecordingPane> pane_;    // null: the list of workers
  double pane_alive_s_ = 0;                // when its process was last seen alive
  bool pane_was_alive_ = false;
  ProcessKey selected_;  // of the workers
  double began_s_ = 0;
  double now_s_ = 0;
  std::string message_;
  std::string clock_;
  bool paused_ = false;
  bool help_ = false;
};

}  // namespace mla
