"""Programs that render and encode: ghostscript, ffmpeg."""
from zoo_lib.program import Program

POSTSCRIPT = """%!PS
/Times-Roman findfont 24 scalefont setfont
1 1 12 { /n exch def
  1 1 40 { /i exch def n 40 mul i 17 mul moveto i n mul 20 string cvs show
    newpath i 13 mul n 50 mul 30 0 360 arc i 40 div n 12 div 0.5 setrgbcolor fill } for
  showpage } for
"""


class Ghostscript(Program):
    name = "ghostscript"
    title = "PostScript to PDF, and that to bitmaps"
    needs = (("gs", "ghostscript"),)
    expects = ("gs",)
    repeatable = True

    def run(self, run):
        run.write("in.ps", POSTSCRIPT)
        run.run(["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=pdfwrite",
                 "-sOutputFile=out.pdf", "in.ps"], code=0)
        run.run(["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=ppmraw", "-r60",
                 "-sOutputFile=%d.ppm", "out.pdf"], code=0)
        for page in range(1, 13):
            run.note_file("%d.ppm" % page)


class Ffmpeg(Program):
    name = "ffmpeg"
    title = "encodes a test picture and a tone, decodes them again"
    needs = (("ffmpeg", "ffmpeg"),)
    expects = ("ffmpeg",)
    # Not repeatable: its threads allocate as their queues are full. Without mla 8 runs on 2 idle
    # cores made 29,530 to 30,004 allocations.

    def run(self, run):
        common = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        run.run(common + ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=3", "-f",
                          "lavfi", "-i", "sine=frequency=440:duration=3", "-c:v", "mpeg4", "-c:a",
                          "aac", "-bitexact", "-threads", "4", "out.mkv"], code=0)
        run.run(common + ["-i", "out.mkv", "-f", "framemd5", "-threads", "4", "frames"], code=0)
        run.note_file("frames")


def programs():
    return [Ghostscript(), Ffmpeg()]
