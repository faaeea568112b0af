"""The inputs of the workloads, made anew each time and always the same."""
import random

SEED = 20200329


def template_heavy_source(functions):
    """A C++ file that keeps the compiler busy instantiating templates."""
    rng = random.Random(SEED)
    lines = [
        "#include <algorithm>", "#include <functional>", "#include <map>", "#include <memory>",
        "#include <string>", "#include <tuple>", "#include <variant>", "#include <vector>",
        "template <int N> struct Tag { int value = N; };",
        "template <int N> struct Sum { static constexpr int value = N + Sum<N - 1>::value; };",
        "template <> struct Sum<0> { static constexpr int value = 0; };",
        "template <class... T> int count(const std::tuple<T...>& t) {",
        "  return std::apply([](const auto&... x) { return (0 + ... + x.value); }, t);",
        "}",
    ]
    for i in range(functions):
        a, b, c = (rng.randrange(40 + i) for _ in range(3))
        lines += [
            "int work%d(int n) {" % i,
            "  std::map<int, std::vector<Tag<%d>>> by_key;" % i,
            "  std::variant<Tag<%d>, std::string, std::unique_ptr<Tag<%d>>> any;" % (a, i),
            "  for (int k = 0; k < n; ++k) by_key[k %% %d].push_back({});" % (b + 1),
            "  std::function<int(int)> f = [&](int k) { return k + Sum<%d>::value; };" % (i + 20),
            "  any = std::string(%d, 'x');" % (c + 1),
            "  int sum = count(std::make_tuple(Tag<%d>{}, Tag<%d>{}, Tag<%d>{}));" % (a, b, i),
            "  for (auto& [key, tags] : by_key) {",
            "    std::sort(tags.begin(), tags.end(),"
            " [](auto& x, auto& y) { return x.value < y.value; });",
            "    sum += f(key) + static_cast<int>(tags.size());",
            "  }",
            "  return sum + static_cast<int>(any.index());",
            "}",
        ]
    return "\n".join(lines) + "\n"


def sql_script(rows):
    """Fills two tables, and asks questions that sort, join and group."""
    rng = random.Random(SEED)
    words = ["".join(rng.choice("abcdefghij") for _ in range(rng.randrange(3, 12)))
             for _ in range(500)]
    lines = ["CREATE TABLE host(id INTEGER PRIMARY KEY, name TEXT, rack INTEGER);",
             "CREATE TABLE sample(host INTEGER, t INTEGER, metric TEXT, value REAL, note TEXT);",
             "BEGIN;"]
    hosts = 200
    lines += ["INSERT INTO host VALUES(%d,'%s-%d',%d);" % (i, words[i], i, i % 20)
              for i in range(hosts)]
    lines += ["INSERT INTO sample VALUES(%d,%d,'%s',%.3f,'%s');" % (
        rng.randrange(hosts), i, rng.choice(words[:12]), rng.random() * 1000,
        " ".join(rng.choices(words, k=rng.randrange(1, 6)))) for i in range(rows)]
    lines += ["COMMIT;", "CREATE INDEX by_host ON sample(host, metric);"]
    for rack in range(20):
        lines += [
            "SELECT rack, metric, count(*), round(avg(value), 3), max(length(note)) FROM sample"
            " JOIN host ON host.id = sample.host WHERE rack = %d GROUP BY metric;" % rack,
            "SELECT upper(substr(note, 1, 5)) AS p, count(DISTINCT host) FROM sample"
            " WHERE note LIKE '%%%s%%' GROUP BY p ORDER BY 2 DESC, 1 LIMIT 5;" % words[rack][:2],
            "SELECT group_concat(name, ',') FROM (SELECT name FROM host WHERE rack = %d"
            " ORDER BY name DESC);" % rack,
        ]
    return "\n".join(lines) + "\n"
