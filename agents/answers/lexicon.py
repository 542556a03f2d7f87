"""Words that tell what a sentence says of an answer, in the languages that answers are read in.

`DENIALS` deny what stands beside them, `LIMITS` bound it, `JOINS` add to it. `COPULAS` lead to an
answer, with `FILLERS` between; `LATE_COPULAS` end a sentence behind it. `REASONS` begin what explains it.
`TURNS` begin another clause: "not Rome but"; with words that `TAKES_BACK` has, it may undo the first.
`SORTS` name what an answer is: "the city of Rome"; `LANGUAGE` does so behind it: "the Thai language".
`ALTERNATIVES` are those of the `JOINS` that name either. `ASKS` begin what is left open. `PLACED` lead to a
place, with a preposition behind them. `DEEDS` say what somebody did, where the word does not end in "ed".
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DENIALS = _words(
    "neni není not no isnt wasnt arent werent dont doesnt didnt cannot cant never neither nor without non un "
    "false wrong incorrect nicht kein keine keinen keinem keiner nie niemals ohne ne pas jamais sans "
    "aucun aucune nunca sin ningun ninguna tampoco senza mai nessun nessuna nao sem nenhum nenhuma "
    "não не нет ни без ні немає ليس ليست غير لا لم لن بدون नहीं न मत ना बिना değil degil yok hayır "
    "hayir nie bez không khong chưa chua ไม่ 不 没 沒 无 無 非 未 否 别 莫 inte ikke ej niet geen zonder utan "
    "uten ei eivat ole nem 아니 안 아니다 아니에요 아닌 없다 않다 않는다 bukan tidak tanpa δεν όχι לא אין"
)
COPULAS = _words(
    "is was are were be been being its thats hes shes theyre called named means equals becomes reads "
    "says gives returns prints outputs yields ist war sind waren heißt heisst lautet bleibt est sont "
    "etait fut es son fue era eran "
    "e è é foi sao sono fu ar är var er zijn waren jest był to są это есть был є هو هي كان كانت था थी "
    "थे la là คือ เป็น 是 为 為 叫 は が adalah ialah היא הוא este sunt je jsou on ovat yani"
)
FILLERS = _words(
    "in at on to of by for from with as it that this there he she they we you i think believe guess "
    "say would so yes sure ok okay well probably likely clearly therefore thus hence then definitely "
    "indeed actually certainly simply just answer correct right option der die das den dem ein eine "
    "im am zu aus von le la les l un une de du des à en au el los las una del il lo gli della do da "
    "dos das o os den det na z v u в на из у 在 の called named located found written made born built "
    "based known held ال"
)
LATE_COPULAS = _words(
    "है हैं था थी थे です だ である で す あ る ま 的 了 呢 吧 입니다 이다 이에요 예요 dir dır dur dür tır"
)
LIMITS = _words(
    "before after until till since least most than over under above below almost nearly except "
    "besides between only half beyond within during vor nach bis seit mindestens höchstens hochstens "
    "über uber unter fast außer avant apres jusqu depuis moins plus sauf antes despues hasta desde "
    "menos mas prima dopo fino almeno più depois ate до после с более менее свыше قبل بعد حتى منذ "
    "أكثر أقل पहले बाद तक once önce sonra kadar przed po trước sau đến ก่อน หลัง 前 后 後 以 超 至 多 少 anti "
    "pre post semi former ex quasi pseudo"
)
JOINS = _words(
    "and or und oder et ou y o u i lub oraz и или або و أو या और ve veya và va hoặc และ หรือ 和 与 或 及 "
    "と や 또는 그리고 en of och eller og plus minus nor versus vs"
)
ABOUT = _words("about around approximately roughly circa ca maybe perhaps possibly ungefähr etwa environ")
REASONS = _words(
    "because since as which who where so for that when if due given it he she they this its weil da "
    "denn car parce puisque qui que porque ya pues perche che poiche pois потому так как который لأن "
    "क्योंकि çünkü ponieważ bo gdyż vì เพราะ 因 omdat eftersom"
)
ARTICLES = _words("a an the der die das le la les el una un il lo eine ein une")
TURNS = _words("but sondern sino mais rather bensi mas а но ale بل 而 instead sed")
YES_OR_NO = _words(
    "yes no true false ja nein oui non si sì sim nao да нет نعم لا हाँ नहीं evet hayır tak nie có "
    "không 是 否 네 예 아니요 ใช่ ไม่ correct incorrect"
)
SORTS = _words(
    "city town village state country island river planet year month color colour letter number word"
)
ALTERNATIVES = _words("or oder ou o u lub или або أو या veya hoặc หรือ 或 또는")
ASKS = _words("whether ob")
LANGUAGE = _words("language sprache langue idioma lengua lingua język язык 语 語 语言 言語 언어")
DEEDS = _words(
    "wrote took found lost made did sent gave won built drew led ran sold bought paid taught told said kept "
    "chose began spoke sang held met left brought became broke went came put set saw got knew"
)
PLACED = _words("located situated spoken found lies lie born set based held lives")
TAKES_BACK = _words(
    "not no never should could may might would can actually really rather now today instead wrong false"
    " incorrect isnt maybe perhaps possibly also"
)
