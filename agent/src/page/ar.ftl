# The office's page in Arabic. Each message has its brother in en.ftl.
# `form` is the plural that `n` asks for. Spans of time stand behind منذ and خلال and بعد: in the genitive.

title = { $office } · وصل
brand = وصل
brand-says = مزامنة التسجيل
as-of-before = الحالة في
switch = View this page in English
refreshes = تعرض هذه الصفحة الحالة الآن وتتجدد كل 30 ثانية، ولا تغيّر شيئاً.

verdict = الخلاصة
ok = سليم
warn = تنبيه
crit = يلزم التدخل الآن
unknown = غير معروف
info = ملاحظة

all-at-hq = وصل كل شيء إلى المقر العام
all-at-hq-no-link = وصل إلى المقر العام كل ما سُجّل هنا؛ لا اتصال الآن
syncing = يجري الإرسال إلى المقر العام، وبقي { $what }
waiting-no-link = لا اتصال الآن. ينتظر هنا { $what }، محفوظاً على هذا القرص
and-more = { $worst } ({ $form ->
    [one] وأمر آخر
    [two] وأمران آخران
    [few] و{ $n } أمور أخرى
    [many] و{ $n } أمراً آخر
   *[other] و{ $n } أمر آخر
  })

todo = ما العمل
todo-nothing = لا شيء. كل شيء على ما يرام.
what-happened = ما الذي حدث
code = الرمز
depends = سببه { $codes }

state = حال المكتب
link = الاتصال بالمقر العام
link-up = متصل
link-connecting = جارٍ الاتصال
link-backoff = منقطع، وستُعاد المحاولة
link-down = منقطع
link-refused = المقر العام يرفض الاتصال
link-paused = أوقفه المشغّل مؤقتاً
round-trip = زمن الذهاب والإياب { $ms } ملي ثانية
next-attempt = المحاولة التالية بعد { $span }
last-up = آخر اتصال { $ago }

backlog = بانتظار الوصول إلى المقر العام
backlog-none = لا شيء ينتظر
backlog-age = أقدمها { $ago }
backlog-size = الحجم { $size }
backlog-done = ينتهي بعد { $span }
held = { $form ->
    [one] يحتجز المقر العام قيداً واحداً
    [two] يحتجز المقر العام قيدين
    [few] يحتجز المقر العام { $n } قيود
    [many] يحتجز المقر العام { $n } قيداً
   *[other] يحتجز المقر العام { $n } قيد
  }
refused-entries = { $form ->
    [one] رفض المقر العام قيداً واحداً
    [two] رفض المقر العام قيدين
    [few] رفض المقر العام { $n } قيود
    [many] رفض المقر العام { $n } قيداً
   *[other] رفض المقر العام { $n } قيد
  }

power = إطفاء الجهاز
power-safe = آمن: كل شيء محفوظ على القرص
power-unsafe = غير آمن: تعطّل القرص
intake-open = التسجيل مفتوح
intake-closed = التسجيل متوقف

conflicts = التعارضات
conflicts-none = لا يوجد
conflicts-see = قيمتان للأمر نفسه: يعرضهما الأمر `wasl conflict list` جنباً إلى جنب
records-total = السجلات

config = الإعدادات
config-built-in = الإعدادات المضمّنة
config-edition = الإصدار { $serial }
config-desired = يريد المقر العام الإصدار { $serial }
config-unknown = غير معروفة
config-idle = لم يُجرَّب شيء بعد
config-held = أوقف المشغّل استلامها
config-fetched = وصل إصدار أحدث
config-verified = تم التحقق من إصدار أحدث
config-staged = إصدار أحدث جاهز للتجربة
config-applying = يجري تفعيل إصدار أحدث
config-probation = قيد التجربة
config-committed = سارٍ
config-rejected = رُفض آخر إصدار
config-rolled_back = أُلغي آخر إصدار وعاد ما قبله
config-superseded = حلّ محله إصدار أحدث
config-unheld = عاد استلامها

disk = المساحة على القرص
disk-free = المتاح { $size }
disk-full-in = يمتلئ بعد { $span }
disk-steady = لا امتلاء في الأفق
clock = الساعة
clock-ok = مضبوطة
clock-off = غير مضبوطة
clock-unknown = لم تُقارَن بعد
clock-ahead = متقدمة على المقر العام بمقدار { $span }
clock-behind = متأخرة عن المقر العام بمقدار { $span }
version = إصدار البرنامج

today = المسجَّلون اليوم
today-none = لم يُسجَّل أحد اليوم.
counts-unknown = الأعداد غير معروفة في هذه اللحظة.
workstation = محطة العمل
workstation-none = بلا اسم
workstation-others = محطات أخرى
enrolled = عدد المسجَّلين
days = آخر 30 يوماً
days-text = { $total } خلال 30 يوماً، وأكثرها في { $day }: { $most }
days-none = لم يُسجَّل أحد في آخر 30 يوماً.
days-table = الأعداد نفسها في جدول
day = اليوم

records = { $form ->
    [zero] لا سجلات
    [one] سجل واحد
    [two] سجلان
    [few] { $n } سجلات
    [many] { $n } سجلاً
   *[other] { $n } سجل
  }
enrollments = { $form ->
    [zero] لا تسجيلات
    [one] تسجيل واحد
    [two] تسجيلان
    [few] { $n } تسجيلات
    [many] { $n } تسجيلاً
   *[other] { $n } تسجيل
  }
entries = { $form ->
    [zero] لا قيود
    [one] قيد واحد
    [two] قيدان
    [few] { $n } قيود
    [many] { $n } قيداً
   *[other] { $n } قيد
  }
conflict-records = { $form ->
    [zero] لا يوجد
    [one] سجل واحد متعارض
    [two] سجلان متعارضان
    [few] { $n } سجلات متعارضة
    [many] { $n } سجلاً متعارضاً
   *[other] { $n } سجل متعارض
  }

ago = منذ { $span }
since = منذ { $span }
seconds = { $form ->
    [zero] لحظة
    [one] ثانية
    [two] ثانيتين
    [few] { $n } ثوانٍ
   *[other] { $n } ثانية
  }
minutes = { $form ->
    [zero] أقل من دقيقة
    [one] دقيقة
    [two] دقيقتين
    [few] { $n } دقائق
   *[other] { $n } دقيقة
  }
hours = { $form ->
    [zero] أقل من ساعة
    [one] ساعة
    [two] ساعتين
    [few] { $n } ساعات
   *[other] { $n } ساعة
  }
dates = { $form ->
    [zero] أقل من يوم
    [one] يوم
    [two] يومين
    [few] { $n } أيام
    [many] { $n } يوماً
   *[other] { $n } يوم
  }

# What is wrong (w-CODE) and what to do (do-CODE): the codes of `wasl status`.
w-disk-full = القرص ممتلئ: لا تُقبل تسجيلات جديدة
do-disk-full = أفرغ مساحة على القرص الذي يحفظ دفتر القيود.
w-journal-failed = تعطّل القرص الذي يحفظ دفتر القيود: لا تُقبل تسجيلات جديدة
do-journal-failed = افحص القرص (`dmesg` و`smartctl -a`)، ثم أعد تشغيل الخدمة.
w-intake-closed = لا تُقبل تسجيلات جديدة
do-intake-closed = شغّل الخدمة من جديد.
w-journal-hole = قيود في دفتر القيود لا يمكن قراءتها
do-journal-hole = أعد الاتصال بالمقر العام أو صِل القرص الثاني: تعود القيود من تلقاء نفسها؛ ثم افحص القرص واستبدله.
w-inbox-damaged = صندوق الوارد متضرر
do-inbox-damaged = أعد تشغيل الخدمة: تبدأ صندوقاً جديداً ويرسل المقر العام أخباره من جديد.
w-news-lost = فُقدت أخبار من المقر العام ولم تصل من جديد بعد
do-news-lost = لا شيء ما دام الاتصال يعود: يرسلها المقر العام من جديد؛ وإلا فافحص الاتصال.
w-mirror = النسخة الثانية لا تُحدَّث
do-mirror = افحص القرص الثاني أو ذاكرة USB وأعد توصيلها؛ تلحق النسخة بنفسها خلال ثوانٍ.
w-verify-failed = دفتر القيود متضرر
do-verify-failed = اترك مجلد البيانات كما هو، واحفظ نسخة منه، واتصل بالمقر العام.
w-fork = لدى المقر العام تاريخ آخر لدفتر القيود هذا
do-fork = اترك النسختين كما هما واتصل بالمقر العام.
w-refused = المقر العام يرفض هذا المكتب
do-refused = اتصل بالمقر العام: `wasl-hq office show ID`
w-disk-runway = سيمتلئ القرص قريباً
do-disk-runway = أفرغ مساحة على القرص، أو انقل مجلد البيانات إلى قرص أكبر.
w-unacked = لم يصل كل شيء إلى المقر العام منذ مدة طويلة
do-unacked = أعد الاتصال بالمقر العام، ثم نفّذ `wasl sync`
w-paused = الاتصال بالمقر العام موقوف مؤقتاً
do-paused = اعرف السبب: `wasl pause --show`، وأنهِ الإيقاف: `wasl resume`
w-link-down = الاتصال بالمقر العام منقطع
do-link-down = افحص المودم أو الهوائي، ثم نفّذ `wasl sync`
w-clock-off = ساعة الجهاز غير مضبوطة
do-clock-off = اضبط الساعة، أو شغّل مزامنة الوقت (`timedatectl`).
w-config-safe = فُقدت الإعدادات
do-config-safe = افحص القرص، ثم اطلب من المقر العام إصداراً جديداً.
w-config-rolled-back = أُلغيت إعدادات جديدة وعاد ما قبلها
do-config-rolled-back = لا شيء هنا: المقر العام يرى ذلك ويرسل إصداراً أحدث.
w-config-stale = لم يصل جديد من المقر العام منذ مدة طويلة
do-config-stale = اتصل بالمقر العام: `wasl-hq status`
w-config-held = استلام الإعدادات موقوف
do-config-held = اعرف السبب: `wasl config show`، وأنهِ الإيقاف: `wasl config unhold`
w-http-closed = خدمة HTTP غير متاحة
do-http-closed = اعرف من يشغل ذلك العنوان (`ss -ltnp`)، أو اطلب من المقر العام عنواناً آخر.
w-held = يحتجز المقر العام قيوداً من هذا المكتب
do-held = اعرف السبب وما العمل: `wasl held list`
w-refused-entries = رفض المقر العام قيوداً من هذا المكتب
do-refused-entries = اعرف الأسباب: `wasl held list`
w-newer = كتب إصدار أحدث ما لا يقرؤه هذا الإصدار
do-newer = حدّث البرنامج.
w-conflicts = سجلات متعارضة تنتظر القرار
do-conflicts = يعرض `wasl conflict list` قيمها جنباً إلى جنب.
