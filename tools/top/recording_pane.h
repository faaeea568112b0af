// One recording on the screen: what is read of it, and what the keys have made of the list.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "top/recording_model.h"
#include "top/recording_view.h"
#include "top/screen.h"
#include "top/site_list.h"

namespace mla {

// What the session knows, and the screen shows.
struct PaneContext {
  std::string clock;
  bool paused = false;
  bool has_workers = false;
  std::string message;  // empty: nothing
};

class RecordingPane {
 public:
  // Throws Error.
  RecordingPane(std::string path, bool utf8);

  const RecordingModel& model() const { return model_; }
  void refresh(double now_s);
  // False for a key that means nothing here.
  bool press(const KeyPress& key);
  bool is_entering_search() const { return entering_; }

  std::vector<Line> lines(ScreenSize size, const PaneContext& context);
  // Not all of it could be shown within the time a key may have to wait: lines() goes on with it.
  bool wants_time() const { return wants_time_; }

 private:
  bool press_in_search(const KeyPress& key);
  void rank_by(SiteRank rank);
  void change_part();
  void toggle_stack();
  void clear_search();
  void fill_list();
  void fill_rows(RecordingScreen& screen, ScreenSize size);
  RecordingScreen screen_of(const PaneContext& context) const;
  const std::vector<FrameText>& stack_of(const Site& site);

  RecordingModel model_;
  bool utf8_;
  SiteRank rank_ = SiteRank::kLive;
  StackPart part_ = StackPart::kMerged;
  SiteList list_;
  std::vector<uint32_t> ranked_;
  bool order_is_old_ = true;
  std::map<uint32_t, std::vector<FrameText>> stacks_;  // of expanded sites, by id
  bool entering_ = false;
  std::string search_;
  std::map<uint32_t, bool> matches_;  // site id: it has what is searched for
  size_t searched_ = 0;               // of ranked_
  bool wants_time_ = false;
  size_t page_ = 1;  // rows of the list
};

}  // namespace mla
