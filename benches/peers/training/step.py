"""One training step of nanoGPT's shape (6 layers, 6 heads, 384 wide, 8 x 256 tokens, 65 tokens) in PyTorch, CPU time of one thread. step.py STEPS"""
import torch, time, math, sys
import torch.nn as nn, torch.nn.functional as F
torch.set_num_threads(1); torch.manual_seed(0)
L,H,C,V,B,T=6,6,384,65,8,256
class Block(nn.Module):
    def __init__(s):
        super().__init__(); s.l1=nn.LayerNorm(C); s.l2=nn.LayerNorm(C); s.qkv=nn.Linear(C,3*C); s.o=nn.Linear(C,C); s.f=nn.Linear(C,4*C); s.p=nn.Linear(4*C,C)
    def forward(s,x):
        q,k,v=s.qkv(s.l1(x)).split(C,2); q,k,v=[t.view(B,T,H,C//H).transpose(1,2) for t in (q,k,v)]
        y=F.scaled_dot_product_attention(q,k,v,is_causal=True).transpose(1,2).reshape(B,T,C); x=x+s.o(y)
        return x+s.p(F.gelu(s.f(s.l2(x)),approximate='tanh'))
class G(nn.Module):
    def __init__(s):
        super().__init__(); s.w=nn.Embedding(V,C); s.pos=nn.Embedding(T,C); s.b=nn.ModuleList([Block() for _ in range(L)]); s.ln=nn.LayerNorm(C)
    def forward(s,i,y):
        x=s.w(i)+s.pos(torch.arange(T))
        for b in s.b: x=b(x)
        return F.cross_entropy((s.ln(x)@s.w.weight.T).view(-1,V),y.view(-1))
m=G(); opt=torch.optim.AdamW(m.parameters(),lr=1e-3,fused=True)
n=int(sys.argv[1]); ts=[]
for i in range(n):
    x=torch.randint(0,V,(B,T)); y=torch.randint(0,V,(B,T))
    a=time.thread_time(); opt.zero_grad(); l=m(x,y); l.backward(); torch.nn.utils.clip_grad_norm_(m.parameters(),1.0); opt.step(); ts.append(1e3*(time.thread_time()-a))
print("torch ms", " ".join("%.0f"%t for t in ts), float(l))
